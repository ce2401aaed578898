"""Made-up secrets of each format, put together at run time so that no scanner reports this file."""

import base64
import itertools
import json

UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ234567"
ALNUM = "a1B2c3D4e5F6g7H8i9J0kLmNoPqRsTuVwXyZ"
HEX = "0123456789abcdef"


def fill(count: int, alphabet: str = ALNUM) -> str:
    return "".join(itertools.islice(itertools.cycle(alphabet), count))


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def jwt() -> str:
    return ".".join((_segment({"alg": "HS256"}), _segment({"sub": "someone"}), fill(43)))


def jwe() -> str:
    header = _segment({"alg": "dir", "enc": "A256GCM"})
    return ".".join((header, "", fill(16), fill(40), fill(22)))


CARDS = (
    "4111" + "1111" * 3,
    "4000" + "0000" * 2 + "0002",
    "5555" + "5555" + "5555" + "4444",
    "2223" + "0031" + "2200" + "3222",
    "3782" + "822463" + "10005",
    "6011" + "1111" + "1111" + "1117",
    "3530" + "1113" + "3330" + "0000",
    "3056" + "930902" + "5904",
    "6200" + "0000" + "0000" + "0005",
    "2200" + "0000" + "0000" + "0004",
)

# By rule; each stands somewhere in a longer text too.
SAMPLES: dict[str, tuple[str, ...]] = {
    "pem-private-key": tuple(
        f"-----BEGIN{kind} PRIVATE" + f" KEY-----\n{fill(64)}\n-----END{kind} PRIVATE KEY-----"
        for kind in ("", " RSA", " EC", " DSA", " OPENSSH", " ENCRYPTED", " PGP")
    ),
    "putty-private-key": ("PuTTY-User" + "-Key-File-3: ssh-ed25519",),
    "age-secret-key": ("AGE-SECRET" + "-KEY-1" + fill(58, UPPER),),
    "aws-access-key-id": tuple(
        start + fill(16, UPPER) for start in ("AK" + "IA", "AS" + "IA", "AB" + "IA", "AC" + "CA")
    ),
    "azure-account-key": (
        "DefaultEndpointsProtocol=https;AccountName=a;Account" + "Key=" + fill(86) + "==",
        "Endpoint=sb://x;SharedAccess" + "Key=" + fill(43) + "=",
    ),
    "azure-sas": ("https://a.blob.example/c?sv=2024-01-01&s" + "ig=" + fill(43) + "%3D",),
    "azure-client-secret": (fill(3) + "8" + "Q~" + fill(34),),
    "github": tuple(f"gh{kind}" + "_" + fill(36) for kind in "pousr"),
    "github-fine-grained": ("github" + "_pat_" + fill(22) + "_" + fill(59),),
    "gitlab": (
        "gl" + "pat-" + fill(20),
        "gl" + "dt-" + fill(20),
        "gl" + "rt-" + fill(20),
        "GR13" + "48941" + fill(20),
    ),
    "bitbucket": ("AT" + "BB" + fill(32),),
    "atlassian": ("AT" + "ATT3" + fill(180), "AT" + "CTT3" + fill(180)),
    "slack": (
        "xo" + "xb-123456789012-1234567890123-" + fill(24),
        "xo" + "xp-123456789012-123456789012-" + fill(32, HEX),
        "xo" + "xe.xoxp-1-" + fill(140),
    ),
    "slack-app": ("xa" + "pp-1-A0123456789-1234567890123-" + fill(64, HEX),),
    "slack-webhook": ("https://hooks.sl" + "ack.com/services/T0000/B0000/" + fill(24),),
    "discord-bot": ("M" + fill(25) + "." + fill(6) + "." + fill(38),),
    "discord-webhook": ("https://disc" + "ord.com/api/webhooks/123456789012345678/" + fill(68),),
    "telegram-bot": ("1234567890" + ":A" + "A" + fill(33),),
    "stripe": (
        "sk" + "_live_" + fill(24),
        "rk" + "_live_" + fill(99),
        "sk" + "_test_" + fill(24),
    ),
    "webhook-signing-secret": ("wh" + "sec_" + fill(32),),
    "google-api-key": ("AI" + "za" + fill(35),),
    "google-oauth-secret": ("GOC" + "SPX-" + fill(28),),
    "google-oauth-token": ("ya" + "29." + fill(100), "1/" + "/0" + fill(40)),
    "anthropic": ("sk-" + "ant-api03-" + fill(93) + "AA",),
    "openai": ("sk-" + fill(48), "sk-" + "proj-" + fill(120), "sk-" + "svcacct-" + fill(60)),
    "openrouter": ("sk-" + "or-v1-" + fill(64, HEX),),
    "groq": ("gs" + "k_" + fill(52),),
    "xai": ("xa" + "i-" + fill(80),),
    "perplexity": ("pp" + "lx-" + fill(48),),
    "hugging-face": ("h" + "f_" + fill(34), "api" + "_org_" + fill(34)),
    "replicate": ("r" + "8_" + fill(37),),
    "sendgrid": ("S" + "G." + fill(22) + "." + fill(43),),
    "twilio": ("S" + "K" + fill(32, HEX),),
    "mailgun": (
        "ke" + "y-" + fill(32, HEX),
        fill(32, HEX) + "-" + fill(8, HEX) + "-" + fill(8, HEX),
    ),
    "mailchimp": (fill(32, HEX) + "-u" + "s12",),
    "brevo": ("xkey" + "sib-" + fill(64, HEX) + "-" + fill(16),),
    "npm": ("np" + "m_" + fill(36),),
    "pypi": ("py" + "pi-AgEIcHlwaS5vcmc" + fill(80),),
    "rubygems": ("ruby" + "gems_" + fill(48, HEX),),
    "docker-hub": ("dc" + "kr_pat_" + fill(27),),
    "vault": ("hv" + "s." + fill(24), "hv" + "b." + fill(140), "hv" + "r." + fill(24)),
    "vault-legacy": ("s" + "." + fill(24),),
    "terraform-cloud": (fill(14) + ".atlas" + "v1." + fill(67),),
    "doppler": ("dp" + ".st.prd." + fill(40), "dp" + ".pt." + fill(43)),
    "digitalocean": tuple(f"do{kind}_v" + "1_" + fill(64, HEX) for kind in "opr"),
    "heroku": ("HR" + "KU-" + fill(60),),
    "databricks": ("da" + "pi" + fill(32, HEX),),
    "shopify": tuple(f"shp{kind}" + "_" + fill(32, HEX) for kind in ("at", "ca", "pa", "ss")),
    "square": ("EA" + "AA" + fill(60), "sq" + "0atp-" + fill(22), "sq" + "0csp-" + fill(43)),
    "facebook": ("EA" + "AC" + fill(150),),
    "braintree": ("access" + "_token$production$" + fill(16, HEX) + "$" + fill(32, HEX),),
    "razorpay": ("rz" + "p_live_" + fill(14),),
    "grafana": ("gl" + "sa_" + fill(32) + "_" + fill(8, HEX), "gl" + "c_eyJ" + fill(80)),
    "new-relic": ("NR" + "AK-" + fill(27, UPPER),),
    "sentry": ("sn" + "trys_eyJ" + fill(80), "sn" + "tryu_" + fill(64, HEX)),
    "dynatrace": ("dt" + "0c01." + fill(24, UPPER) + "." + fill(64, UPPER),),
    "postman": ("PM" + "AK-" + fill(24, HEX) + "-" + fill(34, HEX),),
    "linear": ("li" + "n_api_" + fill(40),),
    "notion": ("secr" + "et_" + fill(43), "nt" + "n_" + fill(46)),
    "planetscale": ("ps" + "cale_pw_" + fill(43),),
    "supabase": ("sb" + "p_" + fill(40, HEX), "sb" + "_secret_" + fill(31)),
    "pulumi": ("pu" + "l-" + fill(40, HEX),),
    "json-web-token": (jwt(), jwe()),
    "credentials-in-url": (
        "postgres://app:hun" + "ter2@db.internal:5432/app",
        "https://:to" + "ken9@example.com/",
        "amqps://u:p" + "@ss@broker//",
    ),
    "authorization-header": (
        "Authorization: Bearer " + fill(20),
        "authorization: basic " + base64.b64encode(b"user:pass" + b"word1").decode(),
    ),
    "assigned-secret": (
        "DB_PASS" + "WORD=correct-horse",
        'api_key = "' + "quietly" + '"',
        '{"pass' + 'word": "battery staple"}',
        '{\\"client_sec' + 'ret\\": \\"abcdef\\"}',
        "https://x.example/cb?access_tok" + "en=abcd1234&state=1",
        "export AWS_SECRET_ACCESS_" + "KEY=" + fill(40),
        "Server=db;User=sa;Pwd" + "=Passw0rd!;",
    ),
    "told-secret": ("the pass" + "word is hunter22", "password" + ": Tr0ub4dor"),
    "card-number": (
        *CARDS,
        "4111 " + "1111 1111 1111",
        "4111-" + "1111-1111-1111",
        "3782 " + "822463 10005",
        "card:" + CARDS[0],
    ),
}
EVERY_SAMPLE: list[tuple[str, str]] = [
    (rule, text) for rule, texts in SAMPLES.items() for text in texts
]


# For parametrize: the samples themselves must not become names of tests.
SAMPLE_IDS = [f"{rule}-{SAMPLES[rule].index(text)}" for rule, text in EVERY_SAMPLE]
