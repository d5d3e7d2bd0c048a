/** A fake issuer with a service, for the tests of programs that log in with this package. */
export { fakeAuth, fakeService, startFakeService } from "./testing/service.ts";
export type {
  FakeApi,
  FakeAuthOptions,
  FakeCaller,
  FakeClock,
  FakeFetch,
  FakeLogin,
  FakeService,
  FakeServiceOptions,
  FakeToolOptions,
  FakeUser,
  ReceivedRequest,
} from "./testing/service.ts";
export { fakeStreams, type FakeOutput, type FakeStreams } from "./testing/streams.ts";
