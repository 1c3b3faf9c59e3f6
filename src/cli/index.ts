export { type BannerInput, bannerLines } from './banner.ts';
export type { CliContext, Output } from './context.ts';
export { runCli } from './program.ts';
