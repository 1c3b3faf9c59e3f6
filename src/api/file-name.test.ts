import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachment, fileNameOf } from './file-name.ts';

describe('a download', () => {
  it.each([
    ['/sensors/temperature', null, 'sensors_temperature.csv'],
    ['/sensors/temperature', 'value', 'sensors_temperature_value.csv'],
    ['data-esp-a6a8d500', 'kT', 'data-esp-a6a8d500_kT.csv'],
    ['a', 'b[0].c', 'a_b[0].c.csv'],
    ['../../etc/passwd', null, 'etc_passwd.csv'],
    ['.hidden', null, 'hidden.csv'],
    ['CON', null, 'sonde_CON.csv'],
    ['///', null, 'sonde.csv'],
    ['a"; filename="x.exe', null, 'a_filename=_x.exe.csv'],
    ['a\r\nSet-Cookie: x', null, 'a_Set-Cookie_x.csv'],
    ['\u202ecod.exe', null, 'cod.exe.csv'],
    ['salle/température', null, 'salle_température.csv'],
  ])('of topic %j and field %j is called %s', (topic, field, name) => {
    expect(fileNameOf(topic, field, 'csv')).toBe(name);
  });

  it('has a name of bounded length that is valid on every system, whatever the topic', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 100 }),
        fc.option(fc.string({ maxLength: 100 })),
        (topic, field) => {
          const name = fileNameOf(topic, field, 'h5');
          expect(name).toMatch(/^[^.\\/:*?"<>|\p{C}][^\\/:*?"<>|\p{C}]*\.h5$/u);
          expect(name.length).toBeLessThan(200);
          expect(() => new Headers({ x: attachment(name) })).not.toThrow();
          expect(attachment(name)).toMatch(/^attachment; filename="[^"\\]+"(; filename\*=UTF-8''[\w.%~-]+)?$/);
        },
      ),
    );
  });

  it('names itself in ASCII, and in UTF-8 where that loses something', () => {
    expect(attachment('a.csv')).toBe('attachment; filename="a.csv"');
    expect(attachment("é('x').csv")).toBe(
      `attachment; filename="_('x').csv"; filename*=UTF-8''%C3%A9%28%27x%27%29.csv`,
    );
  });
});
