/*
 * Parts of the runtime that take more time than what is simulated and change nothing of it: what forgets the secrets that are gone, of which
 * the simulation has too few and too short ones to be found in any text, and the words for a time. Imported first: the code under test
 * takes them when it is loaded.
 */
globalThis.FinalizationRegistry = class {
  register(): void {}
} as unknown as FinalizationRegistryConstructor;
Date.prototype.toLocaleString = () => "";
Error.stackTraceLimit = 0;
