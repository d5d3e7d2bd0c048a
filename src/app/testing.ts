/** A fake issuer with a service, for the tests of programs that log in with this package. */
export { fakeAuth, fakeService, startFakeService } from "./testing/service.ts";
export type { FakeAuthOptions, FakeFetch, FakeService, FakeUser } from "./testing/types.ts";
export { fakeStreams, type FakeStreams } from "./testing/streams.ts";
