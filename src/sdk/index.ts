/** The public face for plugins: `import { service } from 'homelab-autopilot/sdk'`. Our own code imports the files. */

export type { ErrorCode } from '#kernel/errors.ts';
export { AutopilotError, errorCodes, errorText, systemCode } from '#kernel/errors.ts';
export type { Json, JsonObject } from '#kernel/json.ts';
export { pause, until } from '#kernel/wait.ts';
export { Command, Commands } from '#sdk/command.ts';
export type {
  Effect,
  InputOf,
  Kind,
  KindName,
  OutputOf,
  Plugin,
  PluginDefinition,
  ProbeAnswer,
} from '#sdk/contract.ts';
export { action, kind, optionalAction } from '#sdk/contract.ts';
export { Duration, milliseconds } from '#sdk/duration.ts';
export { GuestId, runOfNote, SnapshotLabel, snapshotNote } from '#sdk/guests.ts';
export { destination, SET_ID, SetSummary } from '#sdk/kinds/destination.ts';
export {
  Capability,
  Covered,
  Guest,
  GuestBackup,
  GuestState,
  hypervisor,
  Snapshot,
  Storage,
} from '#sdk/kinds/hypervisor.ts';
export { Message, notification, Refusal } from '#sdk/kinds/notification.ts';
export { RunningImage, Source, service } from '#sdk/kinds/service.ts';
export type { Answer, Post } from '#sdk/post.ts';
export { outcomeOf, post } from '#sdk/post.ts';
export { Probe, ProbeResult, runProbe, runProbes } from '#sdk/probes.ts';
export type { Reach } from '#sdk/remote/actions.ts';
export { remoteActions } from '#sdk/remote/actions.ts';
export type { PutOptions, RemoteFile, RemoteFiles } from '#sdk/remote/files.ts';
export { SecretRef, secret } from '#sdk/secret.ts';
export type { Argv, Child, ExecOptions, ExecResult, Log, Progress, SpawnOptions, Tools } from '#sdk/tools.ts';
