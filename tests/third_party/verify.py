"""Verifies a DSSE envelope with securesystemslib: python verify.py ENVELOPE PUBLIC_KEY"""

import json
import sys
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

envelope, key = (Path(argument).read_bytes() for argument in sys.argv[1:])
try:
    public = serialization.load_pem_public_key(key)
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    known = SSlibKey.from_crypto(public, sha256(der).hexdigest())
    Envelope.from_dict(json.loads(envelope)).verify([known], 1)
    print("verified")
except Exception as error:
    print(f"refused: {type(error).__name__}")
    sys.exit(1)
