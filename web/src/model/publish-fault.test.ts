import { expect, it } from 'vitest';
import { publishFault } from './publish-fault.ts';

it('lets a topic of any level and script pass', () => {
  for (const topic of ['a', '/a', 'a/', '/', 'été/温度', 'a b']) expect(publishFault(topic)).toBeNull();
});

it('says why a topic cannot be published to', () => {
  expect(publishFault('')).toContain('topic is needed');
  expect(publishFault('a/+')).toContain('wildcards');
  expect(publishFault('$SYS/x')).toContain('belong to the server');
  expect(publishFault('a\0')).toContain('NUL');
  expect(publishFault('é'.repeat(40_000))).toContain('65,535');
});
