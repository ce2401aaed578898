r"""The rules as data: formats of tokens, and names that say their value is secret.

Formats are written from what the vendors publish. In a pattern, `\x00` stands between two texts
and may never be matched; the first group, where there is one, is the secret itself.
"""

from dataclasses import dataclass
from typing import Literal

Check = Literal["any", "text", "opaque", "card"]
Worth = Literal["text", "text or number", "opaque", "short number", "card number"]


@dataclass(frozen=True, slots=True)
class FormatRule:
    """A format that gives a secret away wherever it stands.

    Attributes:
        name: what a finding is called.
        hint: a cheap pattern without which `pattern` cannot match.
        pattern: the format.
        check: what the match must pass besides.
        ignore_case: whether hint and pattern ignore case.
    """

    name: str
    hint: str
    pattern: str
    check: Check = "any"
    ignore_case: bool = False


@dataclass(frozen=True, slots=True)
class NameRule:
    """Names that give their value away, in words; a plural or a qualifier may follow.

    Attributes:
        name: what a finding is called.
        names: the words a key ends with.
        worth: which values can be such a secret.
    """

    name: str
    names: tuple[str, ...]
    worth: Worth


_B64URL = "[A-Za-z0-9_-]"
_NOT_IN_BASE64 = "(?:^|[^A-Za-z0-9+/=_-])"
_ASSIGNED_NAME = (
    "(?:password|passwd|passphrase|pwd|secret|client[_. -]?secret|secret[_. -]?(?:access[_. -]?)?"
    "key|(?:api|private|account)[_. -]?key|(?:access|refresh|auth|session|secret|api"
    "|bot|id)[_. -]?token)"
)
_QUOTES = r"(?:\\?[\"'])?"
_ASSIGNED = (
    _ASSIGNED_NAME + rf"{_QUOTES}\s{{0,3}}(?:=>|:=|=|:\s{{0,3}}\\?[\"'])\s{{0,3}}{_QUOTES}"
    r"([^\s\"',;&<>\\\x00]{4,})"
)
_TOLD = _ASSIGNED_NAME + r"\s{0,3}(?:\bis\b|:)\s{0,3}([^\s\"',;&<>\\\x00]{6,})"
_CARD = (
    r"(?:[2-6]\d{13,18}|[2-6]\d{3}(?: \d{4}){3}(?: \d{1,3})?|[2-6]\d{3}(?:-\d{4}){3}(?:-\d{1,3})?"
    r"|3\d{3} \d{6} \d{4,5}|3\d{3}-\d{6}-\d{4,5})"
)

FORMAT_RULES = (
    FormatRule("pem-private-key", "PRIVATE KEY", r"-----BEGIN[A-Z0-9 ]{0,40} PRIVATE KEY"),
    FormatRule("putty-private-key", "PuTTY-User", r"PuTTY-User-Key-File-\d"),
    FormatRule("age-secret-key", "AGE-SECRET", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    FormatRule(
        "aws-access-key-id",
        "AKIA|ASIA|ABIA|ACCA",
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b",
    ),
    FormatRule(
        "azure-account-key",
        "accountkey|sharedaccess",
        r"(?:AccountKey|SharedAccessKey|SharedAccessSignature)\s?=\s?[A-Za-z0-9+/=%&.:-]{20,}",
        ignore_case=True,
    ),
    FormatRule("azure-sas", "sig=", r"[?&]sig=[A-Za-z0-9%+/=]{32,}"),
    FormatRule("azure-client-secret", r"\dQ~", r"\b[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}"),
    FormatRule("github", "gh[pousr]_", r"gh[pousr]_[A-Za-z0-9]{36,}"),
    FormatRule("github-fine-grained", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
    FormatRule(
        "gitlab",
        r"gl[a-z]{2,6}-|GR1348941",
        r"(?:gl(?:pat|ptt|dt|rt|rtr|cbt|oas|soat|ffct|agent|imt|ft|wt)-|GR1348941)"
        r"[A-Za-z0-9_.=-]{20,}",
    ),
    FormatRule("bitbucket", "ATBB", r"\bATBB[A-Za-z0-9_=-]{24,}"),
    FormatRule("atlassian", "AT[AC]TT3", r"AT[AC]TT3[A-Za-z0-9_=.-]{50,}"),
    FormatRule("slack", "xox|xapp", r"\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}"),
    FormatRule("slack-app", "xapp-", r"\bxapp-\d-[A-Z0-9]+-\d+-[A-Za-z0-9]+"),
    FormatRule(
        "slack-webhook",
        r"hooks\.slack",
        r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{20,}",
    ),
    FormatRule("discord-bot", r"[MNO][\w-]{23,27}\.", r"\b[MNO][\w-]{23,27}\.[\w-]{6}\.[\w-]{27,}"),
    FormatRule(
        "discord-webhook", "api/webhooks", r"discord(?:app)?\.com/api/webhooks/\d+/[\w-]{60,}"
    ),
    FormatRule("telegram-bot", ":AA", rf"\b\d{{8,10}}:AA{_B64URL}{{32,34}}\b"),
    FormatRule(
        "stripe", "[sr]k_(?:live|test|prod)_", r"\b[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,}"
    ),
    FormatRule("webhook-signing-secret", "whsec_", r"\bwhsec_[A-Za-z0-9+/=]{24,}"),
    FormatRule("google-api-key", "AIza", rf"\bAIza{_B64URL}{{35}}"),
    FormatRule("google-oauth-secret", "GOCSPX", rf"GOCSPX-{_B64URL}{{20,}}"),
    FormatRule(
        "google-oauth-token", r"ya29\.|1//0", rf"\b(?:ya29\.{_B64URL}{{20,}}|1//0{_B64URL}{{20,}})"
    ),
    FormatRule("anthropic", "sk-ant-", rf"\bsk-ant-{_B64URL}{{20,}}"),
    FormatRule(
        "openai",
        r"\bsk-",
        rf"\bsk-(?:(?:proj|svcacct|admin|None)-{_B64URL}{{20,}}|[A-Za-z0-9]{{32,}})",
    ),
    FormatRule("openrouter", "sk-or-", r"\bsk-or-v1-[0-9a-f]{32,}"),
    FormatRule("groq", "gsk_", r"\bgsk_[A-Za-z0-9]{40,}"),
    FormatRule("xai", "xai-", r"\bxai-[A-Za-z0-9]{60,}"),
    FormatRule("perplexity", "pplx-", r"\bpplx-[A-Za-z0-9]{40,}"),
    FormatRule("hugging-face", "hf_|api_org_", r"\b(?:hf|api_org)_[A-Za-z0-9]{30,}"),
    FormatRule("replicate", "r8_", r"\br8_[A-Za-z0-9]{37,}"),
    FormatRule("sendgrid", r"SG\.", rf"\bSG\.{_B64URL}{{16,32}}\.{_B64URL}{{16,64}}"),
    FormatRule("twilio", r"\bSK[0-9a-fA-F]{8}", r"\bSK[0-9a-fA-F]{32}\b"),
    FormatRule(
        "mailgun",
        "key-[0-9a-f]{8}|[0-9a-f]-[0-9a-f]{8}-[0-9a-f]{8}",
        r"\b(?:key-[0-9a-f]{32}|[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8})\b",
    ),
    FormatRule("mailchimp", r"[0-9a-f]-us\d", r"\b[0-9a-f]{32}-us\d{1,2}\b"),
    FormatRule("brevo", "xkeysib-", r"xkeysib-[0-9a-f]{64}"),
    FormatRule("npm", "npm_", r"\bnpm_[A-Za-z0-9]{36}"),
    FormatRule("pypi", "pypi-", rf"\bpypi-{_B64URL}{{50,}}"),
    FormatRule("rubygems", "rubygems_", r"rubygems_[0-9a-f]{48}"),
    FormatRule("docker-hub", "dckr_", rf"dckr_(?:pat|oat)_{_B64URL}{{20,}}"),
    FormatRule("vault", r"\bhv[sbr]\.", rf"\bhv[sbr]\.{_B64URL}{{20,}}"),
    FormatRule(
        "vault-legacy", r"\b[sbr]\.", r"(?:^|[\s\"'=:,;\x00])[sbr]\.([A-Za-z0-9]{24})\b", "opaque"
    ),
    FormatRule("terraform-cloud", "atlasv1", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
    FormatRule("doppler", r"dp\.[a-z]+\.", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9.]{40,}"),
    FormatRule("digitalocean", "do[opr]_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    FormatRule("heroku", "HRKU-", rf"\bHRKU-{_B64URL}{{36,}}"),
    FormatRule("databricks", "dapi", r"\bdapi[0-9a-f]{32}"),
    FormatRule("shopify", "shp[a-z]{2}_", r"\bshp(?:at|ca|pa|ss|ua)_[0-9a-fA-F]{32}"),
    FormatRule(
        "square",
        "EAAA|sq0",
        rf"{_NOT_IN_BASE64}(EAAA{_B64URL}{{60}}|sq0[a-z]{{3}}-{_B64URL}{{22,}})\b",
    ),
    FormatRule("facebook", "EAA", rf"{_NOT_IN_BASE64}(EAA[A-Za-z0-9]{{80,}})\b"),
    FormatRule("braintree", r"access_token\$", r"access_token\$[a-z]+\$[0-9a-z]{16}\$[0-9a-f]{32}"),
    FormatRule("razorpay", "rzp_", r"\brzp_(?:live|test)_[A-Za-z0-9]{14,}"),
    FormatRule(
        "grafana", "glsa_|glc_", r"\b(?:glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}|glc_eyJ[\w+/=-]{20,})"
    ),
    FormatRule("new-relic", "NRAK-", r"\bNRAK-[A-Z0-9]{27}"),
    FormatRule("sentry", "sntry[su]_", r"\bsntry(?:s_eyJ[\w+/=-]{20,}|u_[0-9a-f]{64})"),
    FormatRule("dynatrace", r"dt0[a-z]\d\d\.", r"\bdt0[a-z]\d\d\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    FormatRule("postman", "PMAK-", r"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    FormatRule("linear", "lin_", r"\blin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    FormatRule(
        "notion", r"\b(?:secret|ntn)_", r"\b(?:secret_[A-Za-z0-9]{43}\b|ntn_[A-Za-z0-9]{40,})"
    ),
    FormatRule("planetscale", "pscale_", r"\bpscale_[a-z]+_[\w.=-]{32,}"),
    FormatRule("supabase", "sb[p]_|sb_secret_", r"\b(?:sbp_[0-9a-f]{40}|sb_secret_[\w-]{20,})"),
    FormatRule("pulumi", "pul-", r"\bpul-[0-9a-f]{40}\b"),
    FormatRule(
        "json-web-token",
        "eyJ",
        rf"eyJ{_B64URL}{{8,}}(?:\.{_B64URL}{{4,}}\.{_B64URL}{{4,}}|(?:\.{_B64URL}*){{4}})",
    ),
    FormatRule(
        "credentials-in-url",
        r"://[^\s/?#@:\x00]*:[^\s/?#\x00]*@",
        r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@:\x00]*:([^\s/?#\x00]+)@[^\s\x00]",
        "text",
    ),
    FormatRule(
        "authorization-header",
        r"\b(?:bearer|basic)\s",
        r"\b(?:bearer|basic)\s{1,3}([A-Za-z0-9._~+/=-]{8,})",
        "opaque",
        ignore_case=True,
    ),
    FormatRule("assigned-secret", _ASSIGNED_NAME, _ASSIGNED, "text", ignore_case=True),
    FormatRule("told-secret", _ASSIGNED_NAME, _TOLD, "opaque", ignore_case=True),
    FormatRule("card-number", _CARD, rf"(?:^|[^\w.+-])({_CARD})\b", "card"),
)

# Issuer ranges: first and last prefix, and the lengths that the issuer gives out.
CARD_RANGES = (
    ("4", "4", (16, 19)),  # Visa
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),  # Mastercard
    ("2200", "2204", (16, 17, 18, 19)),  # Mir
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),  # American Express
    ("6011", "6011", (16, 17, 18, 19)),  # Discover
    ("644", "659", (16, 17, 18, 19)),  # Discover
    ("3528", "3589", (16, 17, 18, 19)),  # JCB
    ("300", "305", (14, 15, 16, 17, 18, 19)),  # Diners Club
    ("36", "36", (14, 15, 16, 17, 18, 19)),  # Diners Club
    ("38", "39", (14, 15, 16, 17, 18, 19)),  # Diners Club
    ("62", "62", (16, 17, 18, 19)),  # UnionPay
)

NAME_RULES = (
    NameRule(
        "named-password",
        (
            "password", "passwd", "pwd", "passphrase", "pass phrase", "pass word", "passcode",
            "user pass", "db pass", "smtp pass", "ftp pass", "proxy pass", "admin pass",
            "root pass", "passwort", "kennwort", "wachtwoord", "mot de passe", "senha",
            "contrasena", "contraseña",
        ),
        "text or number",
    ),
    NameRule(
        "named-secret",
        (
            "secret", "secret key", "secret access key", "api key", "api token", "app key",
            "private key", "signing key", "signature key", "encryption key", "decryption key",
            "master key", "account key", "storage key", "shared key", "shared access key",
            "hmac key", "auth key", "service key", "license key", "secret token", "access token",
            "refresh token", "auth token", "authentication token", "authorization token",
            "bearer token", "session token", "security token", "private token",
            "personal access token", "oauth token", "id token", "bot token", "deploy token",
            "card token", "sas token", "secret key base", "recovery code", "backup code",
            "seed phrase", "mnemonic phrase",
        ),
        "text",
    ),
    NameRule(
        "named-credential",
        (
            "token", "auth", "authorization", "authentication", "proxy authorization",
            "credential", "credentials", "access key", "secret id", "cookie", "set cookie",
            "pass", "connection string", "dsn", "bearer", "jwt",
        ),
        "opaque",
    ),
    NameRule(
        "named-pin",
        (
            "pin", "pin code", "pin number", "cvv", "cvc", "cvn", "csc", "cav", "card code",
            "card verification value", "card verification code", "card security code",
            "security code", "verification code", "otp", "otp code", "one time code",
            "mfa code", "sms code", "totp",
        ),
        "short number",
    ),
    NameRule(
        "named-card-number",
        (
            "card number", "card num", "card no", "card pan", "cc number", "cc num", "cc no",
            "pan", "credit card", "debit card", "primary account number",
        ),
        "card number",
    ),
)  # fmt: skip

# Names that end like a secret's and are none: a cursor through pages, a ticket.
NAME_EXCEPTIONS = (
    "(?:next|prev|previous|page|pagination|continuation|cursor|sync|delta) ?token",
    "(?:boarding|travel|season|day) ?pass",
)

# What may follow a name without making it another thing: `password_confirmation`, `secretValue`.
NAME_QUALIFIERS = (
    "value", "string", "str", "text", "plain", "plaintext", "clear", "cleartext", "raw", "hash",
    "confirm", "confirmation", "repeat", "again", "new", "old", "current", "previous", "primary",
    "secondary", "encoded", "b64", "base64", "hex", "pem", "live", "test", "prod", "production",
)  # fmt: skip

# Keys under which an object carries what its own name announces: {"password": {"value": …}}.
CARRIERS = frozenset(
    {"value", "values", "plain", "plaintext", "text", "raw", "data", "current", "new", "old"}
    | {"Value", "Values", "Text", "Data"}
)

# Keys that name the `value` beside them: {"name": "DB_PASSWORD", "value": …}.
NAMING_KEYS = ("name", "key", "header", "field", "param", "variable")

SCHEMES = frozenset(
    {"basic", "bearer", "digest", "negotiate", "token", "apikey", "hmac", "aws4-hmac-sha256"}
)

# Values that say there is no secret here.
PLACEHOLDERS = frozenset(
    {
        "true", "false", "yes", "no", "on", "off", "null", "none", "nil", "undefined", "n/a", "na",
        "required", "optional", "redacted", "[redacted]", "<redacted>", "hidden", "masked",
        "filtered", "[filtered]", "unset", "not set", "unknown", "string",
    }
)  # fmt: skip
