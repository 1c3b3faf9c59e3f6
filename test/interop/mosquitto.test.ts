import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type Running,
  type RunningSonde,
  requireTool,
  runTool,
  startSonde,
  startTool,
  waitFor,
} from '../tooling/index.ts';

const versions = ['mqttv31', 'mqttv311', 'mqttv5'] as const;
const qualities = [0, 1, 2] as const;

/** A retained message that every subscriber gets first: its subscriptions stand, and its output is no longer held back. */
const READY = 'interop-ready';

type Subscriber = {
  readonly process: Running;
  /** What it printed, a line a message, as `-F` says. */
  readonly lines: () => readonly string[];
  readonly sawLines: (count: number) => Promise<readonly string[]>;
  readonly end: (signal: 'SIGTERM' | 'SIGKILL') => Promise<void>;
};

describe('mosquitto_pub and mosquitto_sub', () => {
  requireTool('mosquitto_pub', 'mosquitto_sub');
  let sonde: RunningSonde;
  let serial = 0;
  const started: Subscriber[] = [];

  beforeAll(async () => {
    sonde = await startSonde();
  });
  afterAll(() => sonde?.stop());
  afterEach(() => Promise.all(started.splice(0).map((subscriber) => subscriber.end('SIGTERM'))));

  const at = () => ['-h', sonde.host, '-p', String(sonde.mqttPort)];
  const newTopic = () => `interop/mosquitto/${serial++}`;

  /** Starts a subscriber and waits until its subscriptions stand. */
  async function subscribe(format: string, ...args: readonly string[]): Promise<Subscriber> {
    await publish('-t', READY, '-r', '-m', READY);
    const process = startTool('mosquitto_sub', [...at(), ...args, '-t', READY, '-F', `=${format}|%t`]);
    const lines = () =>
      process
        .stdout()
        .split('\n')
        .filter((line) => line.startsWith('=') && !line.endsWith(`|${READY}`))
        .map((line) => line.slice(1, line.lastIndexOf('|')));
    const subscriber: Subscriber = {
      process,
      lines,
      sawLines: (count) => waitFor(`${count} lines`, () => lines().length >= count && lines()),
      end: async (signal) => {
        process.signal(signal);
        await process.exited;
      },
    };
    started.push(subscriber);
    await process.saw(new RegExp(`\\|${READY}\n`));
    return subscriber;
  }

  async function publish(...args: readonly string[]): Promise<void> {
    const result = await runTool('mosquitto_pub', [...at(), ...args]);
    expect(result).toMatchObject({ code: 0, stderr: '' });
  }

  describe.each(versions)('with %s', (version) => {
    it.each(qualities)('carry a message at QoS %i [MQTT3-7.0.0-2]', async (qos) => {
      const topic = newTopic();
      const subscriber = await subscribe('%t|%q|%r|%p', '-V', version, '-t', topic, '-q', String(qos));
      await publish('-V', version, '-t', topic, '-q', String(qos), '-m', '22.25');
      expect(await subscriber.sawLines(1)).toEqual([`${topic}|${qos}|0|22.25`]);
    });

    it('deliver at the lower of the two qualities', async () => {
      const topic = newTopic();
      const subscriber = await subscribe('%q|%p', '-V', version, '-t', topic, '-q', '1');
      await publish('-V', version, '-t', topic, '-q', '2', '-m', 'two');
      await publish('-V', version, '-t', topic, '-q', '0', '-m', 'none');
      expect(await subscriber.sawLines(2)).toEqual(['1|two', '0|none']);
    });

    it('keep a retained message, give it to a later subscriber, and clear it with an empty one', async () => {
      const topic = newTopic();
      await publish('-V', version, '-t', topic, '-r', '-q', '1', '-m', 'kept');
      const later = await subscribe('%r|%p', '-V', version, '-t', topic);
      expect(await later.sawLines(1)).toEqual(['1|kept']);

      await publish('-V', version, '-t', topic, '-r', '-n');
      const after = await subscribe('%r|%p', '-V', version, '-t', topic);
      await publish('-V', version, '-t', topic, '-m', 'live');
      expect(await after.sawLines(1)).toEqual(['0|live']);
    });

    it('get the will of a client that vanished, and of one that said goodbye only if it asked for it', async () => {
      const topic = newTopic();
      const watcher = await subscribe('%t|%p', '-V', version, '-t', `${topic}/#`, '-q', '1');
      const will = (name: string) => ['--will-topic', `${topic}/${name}`, '--will-payload', 'gone'];
      const polite = await subscribe('', '-V', version, '-t', newTopic(), ...will('polite'));
      await polite.end('SIGTERM');
      const vanishing = await subscribe('', '-V', version, '-t', newTopic(), ...will('vanished'));
      await vanishing.end('SIGKILL');
      // With MQTT 5.0 mosquitto_sub says goodbye with reason 0x04, which asks for the will (5.0, 3.14.2.1).
      const wills = version === 'mqttv5' ? ['polite', 'vanished'] : ['vanished'];
      expect(await watcher.sawLines(wills.length)).toEqual(wills.map((name) => `${topic}/${name}|gone`));
    });
  });

  it('match + and # and keep $-topics out of #', async () => {
    const topic = newTopic();
    const everything = await subscribe('%t', '-t', '#');
    const oneLevel = await subscribe('%t', '-t', `${topic}/+/temp`);
    await publish('-t', `${topic}/a/b/temp`, '-m', '1');
    await publish('-t', `${topic}/a/temp`, '-m', '2');
    expect(await oneLevel.sawLines(1)).toEqual([`${topic}/a/temp`]);
    await waitFor('the last of both', () => everything.lines().includes(`${topic}/a/temp`));
    expect(everything.lines()).toContain(`${topic}/a/b/temp`);
    expect(everything.lines().filter((line) => line.startsWith('$'))).toEqual([]);
  });

  it('receive what was published while a persistent session was away, in order', async () => {
    const topic = newTopic();
    const session = ['-i', 'away', '-c', '-q', '1', '-t', topic];
    await (await subscribe('%p', ...session)).end('SIGTERM');
    await runTool('mosquitto_pub', [...at(), '-t', topic, '-q', '1', '-l'], 'one\ntwo\nthree\n');
    const back = await subscribe('%p', ...session);
    expect(await back.sawLines(3)).toEqual(['one', 'two', 'three']);
  });

  it.each(qualities)('move 5,000 lines at QoS %i without losing or doubling one', async (qos) => {
    const lines = Array.from({ length: 5000 }, (_, n) => `line ${n}`);
    const topic = newTopic();
    const subscriber = await subscribe('%p', '-t', topic, '-q', String(qos));
    await runTool('mosquitto_pub', [...at(), '-t', topic, '-q', String(qos), '-l'], `${lines.join('\n')}\n`);
    await publish('-t', topic, '-q', String(qos), '-m', 'last');
    await waitFor('the last line', () => subscriber.lines().includes('last'));
    expect(subscriber.lines()).toEqual([...lines, 'last']);
  });

  it.each(qualities)(
    'share a subscription at QoS %i: each of 2,000 lines comes to one of two, once (4.8.2)',
    async (qos) => {
      const topic = newTopic();
      const args = ['-t', `$share/g/${topic}`, '-q', String(qos)];
      const members = [await subscribe('%p', ...args), await subscribe('%p', '-V', 'mqttv5', ...args)];
      const lines = Array.from({ length: 2000 }, (_, n) => `line ${n}`);
      await runTool('mosquitto_pub', [...at(), '-t', topic, '-q', String(qos), '-l'], `${lines.join('\n')}\n`);
      const all = () => members.flatMap((member) => member.lines());
      await waitFor('all lines', () => all().length >= lines.length);
      expect(all().sort()).toEqual([...lines].sort());
      for (const member of members) expect(member.lines().length).toBeGreaterThan(100);
    },
  );

  it('share a subscription: what one that is killed had not acknowledged comes to the other (4.8.2)', async () => {
    const topic = newTopic();
    const args = ['-t', `$share/g/${topic}`, '-q', '1'];
    const stopped = await subscribe('%p', ...args);
    const other = await subscribe('%p', ...args);
    stopped.process.signal('SIGSTOP');
    const lines = Array.from({ length: 100 }, (_, n) => `line ${n}`);
    await runTool('mosquitto_pub', [...at(), '-t', topic, '-q', '1', '-l'], `${lines.join('\n')}\n`);
    await waitFor('half of the lines', () => other.lines().length >= 50);
    await stopped.end('SIGKILL');
    await waitFor('the other half', () => other.lines().length >= 100);
    expect([...other.lines()].sort()).toEqual([...lines].sort());
  });

  it('carry MQTT 5.0 properties from end to end', async () => {
    const topic = newTopic();
    const subscriber = await subscribe('%P|%C|%R|%p', '-V', 'mqttv5', '-t', topic);
    const property = (name: string, ...value: readonly string[]) => ['-D', 'publish', name, ...value];
    await publish(
      '-V',
      'mqttv5',
      '-t',
      topic,
      '-m',
      'with',
      ...property('user-property', 'room', '12'),
      ...property('content-type', 'text/plain'),
      ...property('response-topic', 'answers/here'),
    );
    expect(await subscriber.sawLines(1)).toEqual(['room:12|text/plain|answers/here|with']);
  });
});
