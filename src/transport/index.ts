export type { Listener } from './listen.ts';
export type { TcpOptions } from './tcp.ts';
export { listenTcp } from './tcp.ts';
export type { WebSocketOptions, WebSocketTransport } from './websocket.ts';
export { createWebSocketTransport } from './websocket.ts';
