/** The part of node-forge that issues certificates: nothing else of it is used. */
declare module 'node-forge' {
  type Attribute = { readonly name?: string; readonly value?: unknown };
  type PublicKey = { readonly publicKeyOf: 'forge' };
  type PrivateKey = { readonly privateKeyOf: 'forge' };
  type Digest = { readonly digestOf: 'forge' };
  type Certificate = {
    publicKey: PublicKey;
    /** Hexadecimal. */
    serialNumber: string;
    readonly validity: { notBefore: Date; notAfter: Date };
    readonly subject: { readonly attributes: Attribute[] };
    setSubject(attributes: Attribute[]): void;
    setIssuer(attributes: Attribute[]): void;
    setExtensions(extensions: readonly Record<string, unknown>[]): void;
    generateSubjectKeyIdentifier(): { getBytes(): string };
    sign(key: PrivateKey, digest: Digest): void;
  };
  const forge: {
    readonly pki: {
      createCertificate(): Certificate;
      certificateFromPem(pem: string): Certificate;
      certificateToPem(certificate: Certificate): string;
      publicKeyFromPem(pem: string): PublicKey;
      privateKeyFromPem(pem: string): PrivateKey;
    };
    readonly md: { readonly sha256: { create(): Digest } };
  };
  export default forge;
}
