export type { AckView } from './ack-view.ts';
export { newAckView, readAck, writeAck } from './ack-view.ts';
export { copyBytes } from './copy-bytes.ts';
export { decodePacket } from './decode-packet.ts';
export { decodeProperties } from './decode-properties.ts';
export { encodePacket } from './encode-packet.ts';
export { encodeProperties } from './encode-properties.ts';
export type { Frame } from './frame.ts';
export { newFrame, readFrame } from './frame.ts';
export type {
  Auth,
  Connack,
  Connect,
  Disconnect,
  Packet,
  PacketKind,
  Pingreq,
  Pingresp,
  Puback,
  Pubcomp,
  Publish,
  Pubrec,
  Pubrel,
  Suback,
  Subscribe,
  SubscribeEntry,
  Unsuback,
  Unsubscribe,
  Will,
} from './packet.ts';
export type { QoS, Version } from './packet-type.ts';
export { PacketType, packetName } from './packet-type.ts';
export { connectVersion } from './packets/connect.ts';
export type { Carrier, Properties } from './properties.ts';
export { EMPTY_PROPERTIES } from './properties.ts';
export { ProtocolFault } from './protocol-fault.ts';
export type { PublishView } from './publish-view.ts';
export { newPublishView, publishRemaining, publishSize, readPublish, writePublishHeader } from './publish-view.ts';
export { connackReturnCode, mayClientDisconnect, Reason, reasonText } from './reason.ts';
export { readUtf8 } from './utf8.ts';
export { MAX_VARINT, varintLength, writeVarint } from './varint.ts';
