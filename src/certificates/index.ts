export { type Certificates, type CertificatesOptions, createCertificates } from './certificates.ts';
export { type CertificateIdentity, identityOf } from './client-identity.ts';
export { isDnsName } from './machine-names.ts';
export { DEFAULT_TLS, type TlsSettings } from './settings.ts';
export type { Repeat, TlsKeeper } from './tls-keeper.ts';
