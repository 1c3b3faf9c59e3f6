import type { Plugin } from 'vite';
import { attachMock } from './mock-broker.ts';

/** While the page is developed without a server: digests and REST of an invented world. Never part of a build. */
export function mockServer(): Plugin {
  return {
    name: 'sonde-mock',
    apply: 'serve',
    configureServer(server) {
      attachMock(server);
    },
  };
}
