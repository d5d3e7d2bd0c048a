export { createAuthorizedFetch, createLiveClient, createSyncRuntime, createTrackerClient, getTokenManager, type LiveClientSettings } from "./library.ts";
export { createApp, type App, type AppOverrides } from "./app.ts";
export { AuthError, NotAuthenticatedError, ServiceError, type AuthErrorCode, type AuthErrorOptions } from "./errors.ts";
export { Secret } from "./secret.ts";
export { type Settings, type SettingOptions } from "./config/settings.ts";
export { type Clock } from "./platform/clock.ts";
export { type Environment } from "./platform/paths.ts";
export { type Reservation } from "./platform/private-file.ts";
export { type AuthorizedFetch, type AuthorizedRequestInit } from "./auth/http/authorized-fetch.ts";
export { TokenManager, type AccessTokenOptions, type TokenEvents, type TokenManagerOptions } from "./auth/token-manager.ts";
export { type Credential } from "./auth/http/bound-fetch.ts";
export { type Fetch } from "./auth/oauth/exchange.ts";
export { type Team, type UserInfo } from "./auth/oauth/user-info.ts";
export { type SocketConstructor } from "./auth/websocket/connection.ts";
export { SessionStore } from "./auth/session-store.ts";
export { type AuthFlow, type Profile, type Profiles, type Session } from "./auth/session.ts";
export { memoryVault } from "./auth/secure-storage/memory.ts";
export { type KeyHeader, type Vault } from "./auth/secure-storage/vault.ts";
export { type SyncOptions } from "./app-sync.ts";
export { type FlushOptions, type SyncNotice, type SyncRuntime } from "./sync/runtime.ts";
export { type EmitReport, type LiveChannel } from "./sync/emitter.ts";
export { type EventEnvelope, type EventInput, type ProjectContext } from "./sync/events.ts";
export { type Account } from "./sync/queue.ts";
export { type LiveClient, type LiveMessage, type LiveState } from "./sync/client.ts";
export { TrackerClient, type CallOptions, type Routing, type TrackerClientOptions, type WriteOptions } from "./tracker/saas-client.ts";
export { type TrackerResult } from "./tracker/request.ts";
export { TrackerError, type TrackerFacts } from "./tracker/tracker-error.ts";
export { type ArtifactInput } from "./sync/body-transport.ts";
export { type DrainCounts, type Rejection } from "./sync/event-drain.ts";
export { type DrainReport } from "./sync/drain.ts";
export type {
  AuthStatus,
  DefaultTeamAnswer,
  DoctorReport,
  DrainCountsAnswer,
  EmitAnswer,
  ExecCredential,
  LoginExplanation,
  LogoutAnswer,
  ProfileList,
  RefreshAnswer,
  StorageStatus,
  SwitchAnswer,
  SyncNowAnswer,
  SyncStatusAnswer,
  TeamAnswer,
  TokenAnswer,
  UploadAnswer,
  UserAnswer,
  WatchLine,
} from "./cli/answers.ts";
