/** The broker's counters since its start. */
export type MutableStats = {
  connectionsTotal: number;
  connectionsRefused: number;
  messagesIn: number;
  messagesOut: number;
  bytesIn: number;
  bytesOut: number;
  dropped: number;
  protocolErrors: number;
};

export function newStats(): MutableStats {
  return {
    connectionsTotal: 0,
    connectionsRefused: 0,
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    dropped: 0,
    protocolErrors: 0,
  };
}
