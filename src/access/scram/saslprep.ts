// RFC 3454: B.1 is mapped to nothing, C.1.2 to a space.
const TO_NOTHING = /\u034f|[\ufe00-\ufe0f]|[\u180b-\u180d]|\u200d|[\u00ad\u1806\u200b\u200c\u2060\ufeff]/gu;
const TO_SPACE = /[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/gu;
// C.2.1, C.2.2 controls; C.3 private use; C.4 non-characters; C.5 surrogates; C.6 to C.9 what is no plain text.
const PROHIBITED =
  /[\p{Cc}\p{Co}\p{Cs}\p{Noncharacter_Code_Point}\u06dd\u070f\u180e\u2028\u2029\u2061-\u2063\u206a-\u206f\ufff9-\ufffd\u2ff0-\u2ffb\u200e\u200f\u202a-\u202e\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}]/u;

/**
 * SASLprep (RFC 4013): one form for the many ways to write the same name or secret. Null: it holds what may not stand in
 * one, or nothing is left. Plain ASCII comes out as it went in.
 *
 * Two checks of the RFC are left out, both of which only refuse: that a text does not mix directions of writing, and that
 * it holds no character younger than Unicode 3.2.
 */
export function saslprep(text: string): string | null {
  const prepared = text.replace(TO_SPACE, ' ').replace(TO_NOTHING, '').normalize('NFKC');
  return prepared === '' || PROHIBITED.test(prepared) ? null : prepared;
}
