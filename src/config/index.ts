export {
  BALLAST_FILE,
  HISTORY_FILE,
  isOfNoBackup,
  RECORDED_FILE,
  STORE_FOLDER,
  UNFINISHED,
} from './data-files.ts';
export {
  type DataFolder,
  DataFolderInUse,
  ensureDataFolder,
  type Look,
  lookAtDataFolder,
  openDataFolder,
} from './data-folder.ts';
export { type GoneFiles, goneFiles, hasHistory } from './gone-files.ts';
export type { Environment, ServeFlags } from './layers.ts';
export { listenAddressText, parseListenAddress } from './listen-address.ts';
export type { ListenAddress, PlainListener, TlsListener, UnixListener } from './listener.ts';
export { type ResolveInput, resolveSettings } from './resolve.ts';
export type { Limits, LogLevel, Settings } from './settings.ts';
export { DEFAULTS } from './settings.ts';
export { nearest, suggestion } from './suggest.ts';
export { type ListenerNeeds, listenerNeeds, type Needs } from './who-needs-what.ts';
