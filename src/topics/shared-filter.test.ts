import { describe, expect, it } from 'vitest';
import { parseSubscription, subscriptionFault } from './index.ts';

const faultOf = (text: string): string | null => subscriptionFault(parseSubscription(text));

describe('the filter of a shared subscription', () => {
  it.each([
    ['$share/g/a/b', 'g', 'a/b'],
    ['$share/consumer1//finance', 'consumer1', '/finance'],
    ['$share/g/#', 'g', '#'],
    ['$share/g/$share/h/a', 'g', '$share/h/a'],
    ['$share/é€😀/+/x', 'é€😀', '+/x'],
    ['a/b', null, 'a/b'],
    ['$shared/g/a', null, '$shared/g/a'],
  ])('%s is the name %s and the filter %s [MQTT-4.8.2-1]', (text, shareName, filter) => {
    expect(parseSubscription(text)).toEqual({ shareName, filter });
    expect(faultOf(text)).toBeNull();
  });

  it.each(['$share', '$share/', '$share//', '$share//a', '$share/g', '$share/g/'])(
    '%j is refused: it needs a name and a filter [MQTT-4.8.2-1, MQTT-4.8.2-2]',
    (text) => expect(faultOf(text)).toMatch('$share/NAME/FILTER'),
  );

  it.each(['$share/+/a', '$share/#/a', '$share/g+/a', '$share/g#h/a', '$share/#', '$share/g\0/a'])(
    '%j is refused: the name holds what it may not [MQTT-4.8.2-2]',
    (text) => expect(faultOf(text)).toMatch('name of a shared subscription'),
  );

  it.each(['$share/g/a+', '$share/g/#/a', '$share/g/a\0'])('%j is refused for its filter [MQTT-4.8.2-2]', (text) => {
    expect(faultOf(text)).toMatch(/wildcard|NUL/);
  });
});
