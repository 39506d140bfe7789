// Verifies a bundle as Sigstore's own library does: node verify.cjs BUNDLE TRUSTED_ROOT PUBLIC_KEY
const { createPublicKey } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { bundleFromJSON } = require('@sigstore/bundle');
const { TrustedRoot } = require('@sigstore/protobuf-specs');
const { Verifier, toSignedEntity, toTrustMaterial } = require('@sigstore/verify');

const [bundle, root, key] = process.argv.slice(2).map((file) => readFileSync(file, 'utf8'));
const signer = () => ({ publicKey: createPublicKey(key), validFor: () => true });
const trusted = toTrustMaterial(TrustedRoot.fromJSON(JSON.parse(root)), signer);
const verifier = new Verifier(trusted, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 });
try {
  verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(bundle))));
  console.log('verified');
} catch (error) {
  console.log(`refused: ${error.code}`);
  process.exitCode = 1;
}
