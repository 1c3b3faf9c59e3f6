import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** A Sonde that runs beside `npx vite web`. The Host header is passed on unchanged, so that the page counts as its own. */
const SONDE = 'http://127.0.0.1:8080';

/** The web app: relative addresses, so that it works below any path; nothing is fetched from another host. */
export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  base: './',
  plugins: [react()],
  build: {
    outDir: fileURLToPath(new URL('../dist/web', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    // All of it, ungzipped; the page has one screen, so that splitting it would only add a round trip.
    chunkSizeWarningLimit: 1200,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/api': SONDE, '/mqtt': { target: SONDE, ws: true } },
  },
});
