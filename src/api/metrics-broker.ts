import type { BrokerStats } from '../broker/index.ts';

type Figure = { [Key in keyof BrokerStats]: BrokerStats[Key] extends number ? Key : never }[keyof BrokerStats];
type Row = readonly [name: string, help: string, figure: Figure];

export const GAUGES: readonly Row[] = [
  ['sonde_connections', 'Network connections now, signed in or not yet.', 'connections'],
  ['sonde_clients_connected', 'Clients that are signed in now.', 'connected'],
  ['sonde_clients_connected_maximum', 'The most clients that were signed in at a time since start.', 'maxConnected'],
  ['sonde_sessions', 'Sessions now, connected or kept.', 'sessions'],
  ['sonde_subscriptions', 'Subscriptions now.', 'subscriptions'],
  ['sonde_shared_subscriptions', 'Shared subscriptions now.', 'sharedSubscriptions'],
  ['sonde_shared_groups', 'Groups of shared subscriptions now.', 'sharedGroups'],
  ['sonde_cached_topics', 'Topics whose receivers are remembered now.', 'cachedTopics'],
  ['sonde_receivers_behind', 'Connections now that publishers wait for.', 'receiversBehind'],
  ['sonde_publishers_slowed', 'Publishers that are not read now, being above their rate.', 'publishersSlowed'],
  [
    'sonde_publishers_waiting',
    'Publishers that are not read now: the store, the disk or history has no room.',
    'publishersWaiting',
  ],
  ['sonde_retained_messages', 'Retained messages now.', 'retained'],
  ['sonde_retained_bytes', 'What retained messages cost now.', 'retainedBytes'],
  ['sonde_queued_messages', 'Messages that wait for sessions or are in flight to them now.', 'queued'],
  ['sonde_queued_bytes', 'Bytes of queued messages now, topics and payloads.', 'queuedBytes'],
];

/** Why messages left queues: the label, and what it counts. */
export const LEFT_QUEUE: readonly (readonly [why: string, figure: Figure])[] = [
  ['delivered', 'queueDelivered'],
  ['undeliverable', 'queueUndeliverable'],
  ['expired', 'queueExpired'],
  ['session_ended', 'queueEnded'],
  ['drop_oldest', 'queuePushedOut'],
];

export const COUNTERS: readonly Row[] = [
  ['sonde_connections_total', 'Network connections that were let in.', 'connectionsTotal'],
  ['sonde_connections_refused_total', 'Connections that were refused.', 'connectionsRefused'],
  ['sonde_connects_total', 'CONNECT packets.', 'connects'],
  ['sonde_packets_received_total', 'Packets of any type from clients.', 'packetsIn'],
  ['sonde_packets_sent_total', 'Packets of any type to clients.', 'packetsOut'],
  ['sonde_messages_received_total', 'PUBLISH from clients, wills, and messages published over HTTP.', 'messagesIn'],
  ['sonde_messages_sent_total', 'PUBLISH packets to clients.', 'messagesOut'],
  ['sonde_messages_dropped_total', 'Messages dropped at a limit.', 'dropped'],
  ['sonde_queue_messages_refused_total', 'Messages that were not queued for a receiver, at a bound.', 'queueRefused'],
  ['sonde_messages_expired_total', 'Messages that waited beyond their expiry interval.', 'messagesExpired'],
  ['sonde_received_payload_bytes_total', 'Payload bytes of messages received.', 'payloadBytesIn'],
  ['sonde_sent_payload_bytes_total', 'Payload bytes of messages sent.', 'payloadBytesOut'],
  ['sonde_received_bytes_total', 'Bytes from clients.', 'bytesIn'],
  ['sonde_sent_bytes_total', 'Bytes to clients.', 'bytesOut'],
  ['sonde_sessions_expired_total', 'Sessions that ended since their clients stayed away too long.', 'sessionsExpired'],
  ['sonde_protocol_errors_total', 'Connections closed for a broken packet.', 'protocolErrors'],
];
