export { type AtRest, backupAtRest } from './at-rest.ts';
export { type BackupReport, type BackupSources, makeBackup } from './backup.ts';
export { type RestoreReport, restoreBackup } from './restore.ts';
