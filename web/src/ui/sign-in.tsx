import { Button, PasswordInput, TextInput } from '@mantine/core';
import type { FormEvent, ReactNode } from 'react';
import { useState } from 'react';
import type { Credentials } from '../net/credentials.ts';
import { Mark } from './icons.tsx';

type Props = {
  /** Why the last try failed; empty on the first one. */
  readonly why: string;
  readonly busy: boolean;
  readonly onSubmit: (credentials: Credentials) => void;
};

/** Key and secret of a token, as devices use them. */
export function SignIn({ why, busy, onSubmit }: Props): ReactNode {
  const [key, setKey] = useState('');
  const [secret, setSecret] = useState('');
  const [missing, setMissing] = useState('');

  const submit = (event: FormEvent): void => {
    event.preventDefault();
    const fault = key.trim() === '' ? 'The key is missing.' : secret === '' ? 'The secret is missing.' : '';
    setMissing(fault);
    if (fault === '') onSubmit({ key: key.trim(), secret });
  };
  const fault = missing || why;

  return (
    <main className="signin">
      <form className="signin-card" onSubmit={submit} noValidate>
        <div className="brand">
          <Mark size={28} />
          <span>Sonde</span>
        </div>
        <p className="quiet">
          From another machine, Sonde asks for the key and the secret of a token: the same ones that a device uses as
          its MQTT user name and password.
        </p>
        {fault !== '' && (
          <p className="note bad" role="alert" data-testid="signin-fault">
            {fault}
          </p>
        )}
        <TextInput
          label="Key"
          data-testid="signin-key"
          value={key}
          onChange={(event) => setKey(event.currentTarget.value)}
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          data-autofocus
        />
        <PasswordInput
          label="Secret"
          data-testid="signin-secret"
          value={secret}
          onChange={(event) => setSecret(event.currentTarget.value)}
          autoComplete="current-password"
        />
        <Button type="submit" loading={busy} data-testid="signin-submit" fullWidth>
          Sign in
        </Button>
        <p className="quieter small">
          The first start of Sonde prints a token. Another one is made on the server with{' '}
          <code className="mono">sonde token create</code>. The key is kept in this tab only, and forgotten when it
          closes.
        </p>
      </form>
    </main>
  );
}
