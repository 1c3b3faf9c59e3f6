export type { Access, Authenticator, Credentials, Decision, Principal, Remote, TopicRules } from './port.ts';
