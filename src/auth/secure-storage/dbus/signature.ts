const ALIGNMENT: Record<string, number> = { y: 1, g: 1, v: 1, n: 2, q: 2, x: 8, t: 8, d: 8, "(": 8, "{": 8 };

/** On a multiple of how many bytes a value of this type begins. */
export function alignmentOf(type: string): number {
  return ALIGNMENT[type.charAt(0)] ?? 4;
}

/**
 * Splits a signature into its complete types. Whatever would be read without using up a byte is refused, an empty
 * structure or a type that does not exist: an array of them would never end.
 * @throws RangeError when it is no signature (D-Bus specification, "Type System")
 */
export function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const type = typeAt(signature, at);
    types.push(type);
    at += type.length;
  }
  return types;
}

function typeAt(signature: string, start: number): string {
  let at = start;
  while (signature[at] === "a") at += 1;
  if (signature[at] === "(" || signature[at] === "{") {
    const first = at + 1;
    for (at = first; signature[at] !== ")" && signature[at] !== "}"; ) at += typeAt(signature, at).length;
    if (at === first) throw new RangeError("empty D-Bus structure");
  } else if (!/^[ybnqiuxtdsogvh]/.test(signature.slice(at))) {
    throw new RangeError("no D-Bus signature");
  }
  return signature.slice(start, at + 1);
}
