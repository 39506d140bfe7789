// Verifies a bundle as Sigstore's own library does: by a key, or by an authority and a time that another one has signed.
//   node verify.cjs BUNDLE TRUSTED_ROOT PUBLIC_KEY
//   node verify.cjs BUNDLE TRUSTED_ROOT IDENTITY ISSUER
const { createPublicKey } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { bundleFromJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');

const [bundle, root] = process.argv.slice(2, 4).map((file) => readFileSync(file, 'utf8'));
const [key, issuer] = process.argv.slice(4);
const signer = () => ({ publicKey: createPublicKey(readFileSync(key, 'utf8')), validFor: () => true });
const trusted = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(root)), signer);
const policy = issuer && { subjectAlternativeName: key, extensions: { issuer } };
const verifier = new Verifier(trusted, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: issuer ? 1 : 0 });
try {
  verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(bundle))), policy);
  console.log('verified');
} catch (error) {
  console.log(`refused: ${error.code}`);
  process.exitCode = 1;
}
