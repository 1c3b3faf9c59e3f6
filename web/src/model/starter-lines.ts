/** What a newcomer may copy to send a first value. */
export type Starter = { readonly id: string; readonly label: string; readonly text: string };

export type StarterInput = {
  /** The host by which this page was reached: a device on the same network reaches it too. */
  readonly host: string;
  readonly mqttPort: number;
  /** Origin of this page, for the line that needs no MQTT client. */
  readonly origin: string;
  /** Whether a key and a secret are needed. They are shown as placeholders, never as themselves. */
  readonly signedIn: boolean;
};

const TOPIC = 'sensors/temperature';
const VALUE = '21.5';

/** The same first value in four ways. */
export function starterLines(input: StarterInput): readonly Starter[] {
  const { host, mqttPort, origin, signedIn } = input;
  const bare = host.replace(/^\[|\]$/g, '');
  const port = mqttPort === 1883 ? '' : ` -p ${mqttPort}`;
  const login = signedIn ? ' -u KEY -P SECRET' : '';
  const curlLogin = signedIn ? ' -u KEY:SECRET' : '';
  const pyPort = mqttPort === 1883 ? '' : `, port=${mqttPort}`;
  const json = `{\\"topic\\":\\"${TOPIC}\\",\\"payload\\":\\"${VALUE}\\"}`;
  return [
    {
      id: 'mosquitto',
      label: 'mosquitto_pub',
      text: `mosquitto_pub -h ${bare}${port}${login} -t ${TOPIC} -m ${VALUE}`,
    },
    {
      id: 'micropython',
      label: 'MicroPython',
      text: [
        'from umqtt.simple import MQTTClient',
        `client = MQTTClient("esp8266", "${bare}"${pyPort}${signedIn ? ', user="KEY", password="SECRET"' : ''})`,
        'client.connect()',
        `client.publish("${TOPIC}", "${VALUE}")`,
      ].join('\n'),
    },
    {
      id: 'python',
      label: 'Python',
      text: [
        'import paho.mqtt.publish as publish',
        `publish.single("${TOPIC}", "${VALUE}", hostname="${bare}"${pyPort}${
          signedIn ? ', auth={"username": "KEY", "password": "SECRET"}' : ''
        })`,
      ].join('\n'),
    },
    {
      id: 'curl',
      label: 'curl',
      text: `curl${curlLogin} ${origin}/api/v1/publish -H "Content-Type: application/json" -d "${json}"`,
    },
  ];
}

/** Whether only this machine can use the host. */
export function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?)$/.test(host);
}
