import { describe, expect, it } from 'vitest';
import type { Access, Decision } from '../access/index.ts';
import { connackReturnCode } from '../codec/index.ts';
import { fakeBroker, openDoor, principalOf } from './testing/fake-broker.ts';
import { FakeDevice } from './testing/fake-device.ts';

const deciding = (decision: Decision): Access => ({ authenticate: () => decision, onRevoked: () => {} });
const refusing = (reason: 'bad-credentials' | 'not-authorized' | 'unavailable') =>
  deciding({ ok: false, reason, detail: 'test' });
const failing: Access = {
  authenticate: () => {
    throw new Error('the file of tokens is not readable');
  },
  onRevoked: () => {},
};
const elsewhere = deciding({ ok: true, principal: principalOf('a world that is not there') });

/** What a CONNECT of 3.x is answered, over the wire, and whether the connection lives. */
async function answer(access: Access, options: Parameters<typeof FakeDevice.connected>[1], more = {}) {
  const { broker } = fakeBroker({ access, ...more });
  const device = await FakeDevice.connected(broker, options);
  const [connack] = device.of('connack');
  return {
    code: connack && connackReturnCode(connack.reason),
    present: connack?.sessionPresent,
    closed: device.closed,
  };
}

describe.each([3, 4] as const)('a CONNECT of level %i', (version) => {
  it.each([
    [0, 'it is let in', openDoor, {}, {}],
    [
      2,
      'its client id is empty and its session is to be kept [MQTT3-3.1.3-8]',
      openDoor,
      { clientId: '', clean: false },
      {},
    ],
    [3, 'the sign-in cannot be done now', refusing('unavailable'), {}, {}],
    [3, 'the sign-in fails', failing, {}, {}],
    [3, 'there is no room for a session', openDoor, {}, { limits: { maxSessions: 0 } }],
    [4, 'user name or password are wrong', refusing('bad-credentials'), {}, {}],
    [5, 'it may not connect', refusing('not-authorized'), {}, {}],
    [5, 'its namespace does not exist', elsewhere, {}, {}],
  ] as const)('is answered with return code %i when %s [MQTT3-3.2.2-4, 5]', async (code, _, access, options, more) => {
    expect(await answer(access, { version, ...options }, more)).toEqual({ code, present: false, closed: code !== 0 });
  });

  it('of an unknown protocol level is answered with return code 1 [MQTT3-3.1.2-2]', () => {
    const device = new FakeDevice(fakeBroker().broker);
    const name = version === 3 ? '00064d514973647006' : '00044d51545406';
    device.sendBytes(
      Buffer.from(`10${(name.length / 2 + 4 + 1).toString(16).padStart(2, '0')}${name}02003c000161`, 'hex'),
    );
    expect(device.of('connack').map(({ reason }) => connackReturnCode(reason))).toEqual([1]);
    expect(device.closed).toBe(true);
  });

  it('of a client id beyond the 23 bytes of 3.1 is taken, as by other brokers', async () => {
    for (const length of [1, 23, 24, 500]) {
      expect(await answer(openDoor, { version, clientId: 'x'.repeat(length) })).toMatchObject({ code: 0 });
    }
  });
});

describe('session present', () => {
  it.each([
    ['there was none [MQTT3-3.2.2-3]', [], false, false],
    ['one is kept [MQTT3-3.2.2-2]', [false], false, true],
    ['it asks for a clean one [MQTT3-3.2.2-1]', [false], true, false],
    ['the one before was clean [MQTT3-3.1.2-6]', [true], false, false],
    ['a clean one came between', [false, true], false, false],
  ] as const)('of 3.1.1 when %s', async (_, before, clean, present) => {
    const { broker } = fakeBroker();
    for (const each of before) (await FakeDevice.connected(broker, { clean: each })).drop();
    const last = await FakeDevice.connected(broker, { clean });
    expect(last.of('connack')).toMatchObject([{ sessionPresent: present, reason: 0 }]);
  });

  it('is not said by a refusal [MQTT3-3.2.2-4]', async () => {
    let isOpen = true;
    const access: Access = {
      authenticate: () =>
        isOpen ? { ok: true, principal: principalOf('default') } : { ok: false, reason: 'not-authorized', detail: 'x' },
      onRevoked: () => {},
    };
    const { broker } = fakeBroker({ access });
    (await FakeDevice.connected(broker, { clean: false })).drop();
    isOpen = false;
    const refused = await FakeDevice.connected(broker, { clean: false });
    expect(refused.of('connack')).toMatchObject([{ sessionPresent: false, reason: 0x87 }]);
  });
});
