export {
  type AccessControl,
  type AccessLimits,
  type AccessOptions,
  createAccess,
  DEFAULT_ACCESS_LIMITS,
} from './access.ts';
export type { AnonymousPolicy } from './authenticators/anonymous.ts';
export { isLocal, type LocalQuestion, type RequestHeaders } from './local.ts';
export { DEFAULT_NAMESPACE, worldOf } from './namespaces.ts';
export { isOwner } from './owner.ts';
export type {
  Access,
  AuthExchange,
  Authenticator,
  AuthStep,
  Credentials,
  Decision,
  Principal,
  PrincipalName,
  Remote,
  TopicRules,
} from './port.ts';
export { ALL_TOPICS, compileRules, READ_ONLY_TOPICS, type RuleSubject, substitute, type TopicRule } from './rules.ts';
export { isOfToken, isSamePrincipal } from './same-principal.ts';
export { type ScramClient, scramClient } from './scram/client.ts';
export { SCRAM_MECHANISMS, SCRAM_SHA_256, type ScramMechanism, scramMechanism } from './scram/mechanism.ts';
export {
  type CreatedToken,
  createFirstToken,
  createToken,
  listTokens,
  type NewToken,
  revokeToken,
  rotateToken,
} from './tokens/manage.ts';
export { keyFault, type Permission, type Token, tokenUrl } from './tokens/token.ts';
export { tokenFileOf } from './tokens/token-file.ts';
export type { Repeat } from './tokens/token-reader.ts';
