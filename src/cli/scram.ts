import { randomBytes } from 'node:crypto';
import type { IClientOptions, IConnackPacket, MqttClient } from 'mqtt';
import { type ScramClient, type ScramMechanism, scramClient } from '../access/index.ts';

/** What `--scram` needs; the secret is not sent. */
export type ScramSignIn = { readonly mechanism: ScramMechanism; readonly key: string; readonly secret: string };

const CONTINUE = 0x18;

/**
 * SCRAM for a client of MQTT.js: `options` go into its own, `attach` follows at once, before a packet can come. Whether
 * the server has proved itself is asked of each CONNACK.
 */
export function scramFor({ mechanism, key, secret }: ScramSignIn): {
  readonly options: IClientOptions;
  readonly attach: (client: MqttClient) => void;
  readonly isServer: (connack: IConnackPacket) => boolean;
} {
  const begin = (): ScramClient => scramClient(mechanism, key, secret, randomBytes(18).toString('base64'));
  const propertiesOf = (authenticationData: Buffer) => ({
    authenticationMethod: mechanism.name,
    authenticationData,
  });
  let asker = begin();
  return {
    options: { properties: propertiesOf(asker.first) },
    attach(client) {
      // Before each further CONNECT: a nonce is used once.
      client.on('reconnect', () => {
        asker = begin();
        client.options.properties = { ...client.options.properties, ...propertiesOf(asker.first) };
      });
      client.handleAuth = (packet, done) => {
        asker.final(packet.properties?.authenticationData ?? Buffer.alloc(0)).then(
          (final) =>
            setImmediate(done, undefined, { cmd: 'auth', reasonCode: CONTINUE, properties: propertiesOf(final) }),
          (error: Error) => setImmediate(done, error),
        );
      };
    },
    isServer: ({ properties }) => asker.isServer(properties?.authenticationData ?? Buffer.alloc(0)),
  };
}
