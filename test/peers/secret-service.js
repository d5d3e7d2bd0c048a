// A Secret Service with chosen behavior: `node secret-service.js [--stall MEMBER|all] [--locked] [--prompt]` --stall
// never answers this method (`all`: any) --locked  the collection and its items are locked --prompt  creating and
// deleting needs a prompt; with `--stall Completed` it stays unanswered Prints `ready` once it owns the name, then one
// line for each call. It keeps one item, in memory.
import { createCipheriv, createDecipheriv, createDiffieHellmanGroup, hkdfSync, randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import dbus from "dbus-next";

const { Message, MessageType, Variant, sessionBus } = dbus;
const { values: manners } = parseArgs({
  options: {
    stall: { type: "string" },
    locked: { type: "boolean", default: false },
    prompt: { type: "boolean", default: false },
  },
});

const ROOT = "/org/freedesktop/secrets";
const COLLECTION = `${ROOT}/collection/login`;
const ITEM = `${COLLECTION}/1`;
const PROMPT = `${ROOT}/prompt/1`;
const SESSION = `${ROOT}/session/1`;

/** Tests never see the item of a locked collection. */
let item = manners.locked ? Buffer.alloc(32) : undefined;
let attributes = {};
let sessionKey = Buffer.alloc(16);
let whenConfirmed = () => {};

/** At once, or after the prompt. Returns the prompt's path. */
function afterPrompt(work) {
  if (!manners.prompt) work();
  else whenConfirmed = work;
  return manners.prompt ? PROMPT : "/";
}

/** By method: signature and body of the reply. */
const methods = {
  OpenSession(_algorithm, theirs) {
    const group = createDiffieHellmanGroup("modp2");
    const ours = group.generateKeys();
    const shared = group.computeSecret(theirs.value);
    const padded = Buffer.concat([Buffer.alloc(128 - shared.length), shared]);
    sessionKey = Buffer.from(hkdfSync("sha256", padded, Buffer.alloc(0), Buffer.alloc(0), 16));
    return ["vo", [new Variant("ay", ours), SESSION]];
  },
  ReadAlias: () => ["o", [COLLECTION]],
  SearchItems(wanted) {
    const found =
      item !== undefined &&
      (manners.locked || Object.entries(wanted).every(([name, value]) => attributes[name] === value));
    return ["aoao", [found && !manners.locked ? [ITEM] : [], found && manners.locked ? [ITEM] : []]];
  },
  Get: () => ["v", [new Variant("b", manners.locked)]],
  CreateItem(properties, [, iv, sealed]) {
    const prompt = afterPrompt(() => {
      const decipher = createDecipheriv("aes-128-cbc", sessionKey, iv);
      item = Buffer.concat([decipher.update(sealed), decipher.final()]);
      attributes = properties["org.freedesktop.Secret.Item.Attributes"].value;
    });
    return ["oo", [manners.prompt ? "/" : ITEM, prompt]];
  },
  GetSecret(session) {
    const iv = randomBytes(16);
    const cipher = createCipheriv("aes-128-cbc", sessionKey, iv);
    return [
      "(oayays)",
      [[session, iv, Buffer.concat([cipher.update(item), cipher.final()]), "application/octet-stream"]],
    ];
  },
  Delete: () => ["o", [afterPrompt(() => (item = undefined))]],
  Prompt() {
    if (manners.stall === "Completed") return ["", []];
    whenConfirmed();
    // Before the reply, as a service without a prompt may do.
    const completed = Message.newSignal(PROMPT, "org.freedesktop.Secret.Prompt", "Completed", "bv", [
      false,
      new Variant("o", ITEM),
    ]);
    bus.send(completed);
    return ["", []];
  },
};

const bus = sessionBus();
bus.addMethodHandler((call) => {
  if (call.type !== MessageType.METHOD_CALL || !call.path.startsWith(ROOT)) return false;
  console.log(call.member);
  if (manners.stall === "all" || manners.stall === call.member) return true;
  const method = methods[call.member];
  if (method === undefined)
    bus.send(Message.newError(call, "org.freedesktop.DBus.Error.UnknownMethod", "not one of the methods here"));
  else bus.send(Message.newMethodReturn(call, ...method(...call.body)));
  return true;
});
await bus.requestName("org.freedesktop.secrets", 4);
console.log("ready");
