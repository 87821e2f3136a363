"""The kinds of change that a comparison of contracts tells apart: severity, reason and fix of each code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aether_tools.finding import Severity

B: Final = Severity.BREAKING
R: Final = Severity.RISKY
S: Final = Severity.SAFE


@dataclass(frozen=True, slots=True)
class Rule:
    """One kind of change. `what` is its definition; `why` says what it does to a client; `fix` what to do instead."""

    severity: Severity
    what: str
    why: str
    fix: str


_NEW_VERSION: Final = "Keep it as it was, or publish the change in a new version of the API."
_NOTHING: Final = "Nothing to do."
_SUNSET: Final = "Keep it with deprecated: true and x-sunset: <date>; remove it after that date."
_OPTIONAL: Final = "Make it optional, and let the service choose what it means if absent."
_TELL: Final = "Tell the API's clients before you release it."

RULES: Final = {
    # Documents, paths and operations
    "api-contract-removed": Rule(B, "a contract is gone", "Every call of it fails.", _SUNSET),
    "api-contract-added": Rule(S, "a contract is new", "No client knows it yet.", _NOTHING),
    "api-path-removed": Rule(B, "a path is gone", "Calls of it get 404.", _SUNSET),
    "api-operation-removed": Rule(B, "an operation is gone", "Calls of it get 405.", _SUNSET),
    "api-operation-sunset": Rule(
        S,
        "a deprecated operation is gone after the date in its x-sunset",
        "Its clients knew the date.",
        _NOTHING,
    ),
    "api-operation-added": Rule(S, "an operation is new", "No client knows it yet.", _NOTHING),
    "api-operation-id-changed": Rule(
        R,
        "an operation has another operationId",
        "Generated clients name a method after it.",
        "Keep the operationId, or tell teams that generate clients.",
    ),
    "api-deprecated": Rule(S, "an operation becomes deprecated", "It still works.", "Say until when: x-sunset: <date>."),
    "api-sunset-earlier": Rule(
        B,
        "an operation's x-sunset moves to an earlier date, or goes",
        "Clients planned with the date that was promised.",
        "Keep the date, or choose a later one.",
    ),
    "api-sunset-invalid": Rule(
        R,
        "an x-sunset is no date",
        "Nobody knows until when the operation works.",
        "Write a date such as 2027-01-31.",
    ),
    "api-server-removed": Rule(
        R, "a server's URL is gone", "Clients that use this URL may fail.", "Keep the old URL served, and listed."
    ),
    "api-callback-removed": Rule(
        B, "a callback or webhook is gone", "Clients that wait for it wait forever.", _NEW_VERSION
    ),
    "api-callback-added": Rule(S, "a callback or webhook is new", "Only clients that ask for it get it.", _NOTHING),
    # Parameters
    "api-parameter-required-added": Rule(
        B, "a new parameter is required", "Calls without it are refused.", _OPTIONAL
    ),
    "api-parameter-added": Rule(S, "a new parameter is optional", "Old calls still work.", _NOTHING),
    "api-parameter-removed": Rule(
        R,
        "a parameter is gone",
        "Clients that send it get another answer than before, or are refused.",
        "Keep it with deprecated: true while clients send it.",
    ),
    "api-parameter-required": Rule(
        B, "an optional parameter becomes required", "Calls without it are refused.", _OPTIONAL
    ),
    "api-parameter-optional": Rule(
        S, "a required parameter becomes optional", "Old calls still work.", _NOTHING
    ),
    "api-parameter-style": Rule(
        B,
        "a parameter is written in another way: style, explode, allowReserved or content",
        "The service reads what clients send differently.",
        _NEW_VERSION,
    ),
    "api-path-parameter-renamed": Rule(
        R,
        "a parameter of the path has another name",
        "Calls stay the same, but arguments of generated clients change.",
        "Keep the name, or tell teams that generate clients.",
    ),
    # Request bodies
    "api-body-required-added": Rule(
        B, "a request body is new and required", "Calls without it are refused.", "Make it optional: required: false."
    ),
    "api-body-added": Rule(S, "a request body is new and optional", "Old calls still work.", _NOTHING),
    "api-body-removed": Rule(
        B, "an operation takes no request body any more", "What clients send is refused or ignored.", _NEW_VERSION
    ),
    "api-body-required": Rule(
        B,
        "an optional request body becomes required",
        "Calls without it are refused.",
        "Leave it optional: required: false.",
    ),
    "api-body-optional": Rule(S, "a required request body becomes optional", "Old calls still work.", _NOTHING),
    "api-body-media-removed": Rule(
        B,
        "a request body's media type is not accepted any more",
        "Clients that send it get 415.",
        "Accept the media type as well.",
    ),
    "api-body-media-added": Rule(S, "a request body may have another media type", "Old calls still work.", _NOTHING),
    # Responses
    "api-response-removed": Rule(
        B, "a success status is gone", "Clients do not get the answer that they handle.", _NEW_VERSION
    ),
    "api-response-added": Rule(
        R,
        "a success status is new",
        "Clients that know only the other ones may take it for an error, or for the wrong body.",
        _TELL,
    ),
    "api-error-response-removed": Rule(
        R,
        "an error status is gone",
        "Clients that handle this error get another one, or none.",
        "Keep it declared while the service may answer with it.",
    ),
    "api-error-response-added": Rule(
        S,
        "an error status is new",
        "Clients treat an unknown status as the x00 of its class (RFC 9110, section 15).",
        _NOTHING,
    ),
    "api-response-media-removed": Rule(
        B, "an answer's media type is gone", "Clients that accept only this one get 406.", "Offer the media type as well."
    ),
    "api-response-media-added": Rule(
        S, "an answer may have another media type", "Clients get it only if they accept it.", _NOTHING
    ),
    "api-header-removed": Rule(
        B, "a response header is gone", "Clients that read it find nothing.", "Keep the header."
    ),
    "api-header-added": Rule(S, "a response header is new", "Clients ignore headers they do not know.", _NOTHING),
    "api-header-optional": Rule(
        B, "a response header may be absent now", "Clients that read it may find nothing.", "Always send the header."
    ),
    "api-header-required": Rule(S, "a response header is always there now", "Clients had to expect it.", _NOTHING),
    # Security
    "api-security-added": Rule(
        B,
        "an operation asks for credentials that did not have to be sent",
        "Calls without them get 401.",
        "Offer the old way as an alternative in security.",
    ),
    "api-scope-added": Rule(
        B, "an operation asks for another scope", "Tokens without it get 403.", "Accept the old scopes as an alternative."
    ),
    "api-security-relaxed": Rule(
        S, "an operation accepts other credentials as well", "The old ones still work.", _NOTHING
    ),
    "api-security-scheme-changed": Rule(
        B,
        "a security scheme has another type, place or name",
        "Clients send their credentials in the old way.",
        "Add a second scheme, and offer both in security.",
    ),
    "api-security-scope-removed": Rule(
        B, "a scope cannot be asked for any more", "Clients that ask for it get no token.", "Keep issuing the scope."
    ),
    "api-security-url-changed": Rule(
        R, "a URL of a security scheme changed", "Clients may have the old URL configured.", "Keep the old URL served."
    ),
    # What clients send
    "api-request-type-changed": Rule(
        B, "what clients send must have another type", "Values that were right are refused.", _NEW_VERSION
    ),
    "api-request-type-widened": Rule(S, "what clients send may have more types", "Old values still fit.", _NOTHING),
    "api-request-format-changed": Rule(
        B, "what clients send must have another format", "Values that were right are refused.", _NEW_VERSION
    ),
    "api-request-format-widened": Rule(S, "a format accepts more, or is gone", "Old values still fit.", _NOTHING),
    "api-request-null-refused": Rule(
        B, "clients may not send null any more", "Calls with null are refused.", "Accept null and treat it as absent."
    ),
    "api-request-null-allowed": Rule(S, "clients may send null", "Old values still fit.", _NOTHING),
    "api-request-enum-removed": Rule(
        B, "a value that clients may send is gone", "Calls with it are refused.", "Accept the value as well."
    ),
    "api-request-enum-added": Rule(S, "clients may send more values", "Old values still fit.", _NOTHING),
    "api-request-limit-tightened": Rule(
        B, "a limit of what clients send is tighter", "Values that were right are refused.", "Keep the limit."
    ),
    "api-request-limit-loosened": Rule(
        S, "a limit of what clients send is looser", "Old values still fit.", _NOTHING
    ),
    "api-request-pattern-changed": Rule(
        B,
        "what clients send must fit another pattern",
        "Values that were right may be refused; whether two patterns accept the same is not compared.",
        "Keep the pattern, or accept the change with a reason if the new one takes every old value.",
    ),
    "api-request-pattern-removed": Rule(
        S, "what clients send need not fit a pattern any more", "Old values still fit.", _NOTHING
    ),
    "api-request-property-required-added": Rule(
        B, "a new property is required in a request", "Calls without it are refused.", _OPTIONAL
    ),
    "api-request-property-required": Rule(
        B, "an optional property becomes required in a request", "Calls without it are refused.", _OPTIONAL
    ),
    "api-request-property-optional": Rule(
        S, "a required property becomes optional in a request", "Old calls still work.", _NOTHING
    ),
    "api-request-property-added": Rule(
        S, "a new property is optional in a request", "Old calls still work.", _NOTHING
    ),
    "api-request-property-removed": Rule(
        R,
        "a property is gone from a request that takes unknown ones",
        "What clients send in it is ignored.",
        "Keep it with deprecated: true while clients send it.",
    ),
    "api-request-property-refused": Rule(
        B,
        "a property is gone from a request that takes no unknown ones",
        "Calls that still have it are refused.",
        "Keep it with deprecated: true while clients send it.",
    ),
    "api-request-additional-refused": Rule(
        B,
        "a request takes no other properties any more, or only some",
        "Calls with other ones are refused.",
        "Keep additionalProperties as it was.",
    ),
    "api-request-additional-allowed": Rule(
        S, "a request takes other properties", "Old calls still work.", _NOTHING
    ),
    "api-request-alternative-removed": Rule(
        B, "an alternative that clients may send is gone", "Calls with it are refused.", "Accept the alternative as well."
    ),
    "api-request-alternative-added": Rule(
        S, "clients may send another alternative", "Old calls still work.", _NOTHING
    ),
    "api-request-default-changed": Rule(
        R,
        "a default of what clients send changed",
        "Calls that leave the value out mean something else.",
        "Keep the default, or tell the API's clients.",
    ),
    "api-request-schema-changed": Rule(
        R,
        "a keyword that is not compared changed in what clients send",
        "Values that were right may be refused.",
        "Look at the change, and accept it with a reason if it is safe.",
    ),
    # What clients get
    "api-response-type-changed": Rule(
        B, "what clients get has another type, or more types", "They cannot read it.", _NEW_VERSION
    ),
    "api-response-type-narrowed": Rule(
        S, "what clients get has fewer types", "They could read it before.", _NOTHING
    ),
    "api-response-format-changed": Rule(
        B, "what clients get has another format, or none", "They read it in the old format.", _NEW_VERSION
    ),
    "api-response-format-narrowed": Rule(
        S, "what clients get has a format, or a narrower one", "They could read it before.", _NOTHING
    ),
    "api-response-null-allowed": Rule(
        B, "what clients get may be null", "They expect a value.", "Leave the property out instead, or keep a value."
    ),
    "api-response-null-removed": Rule(
        S, "what clients get is never null any more", "They could read it before.", _NOTHING
    ),
    "api-response-enum-added": Rule(
        R,
        "clients may get a value that they do not know",
        "A client that handles each value on its own has no case for it.",
        _TELL,
    ),
    "api-response-enum-removed": Rule(S, "clients get fewer values", "They could read it before.", _NOTHING),
    "api-response-limit-loosened": Rule(
        R,
        "a limit of what clients get is looser",
        "They may have reserved space for the old limit.",
        "Keep the limit, or tell the API's clients.",
    ),
    "api-response-limit-tightened": Rule(
        S, "a limit of what clients get is tighter", "They could read it before.", _NOTHING
    ),
    "api-response-pattern-changed": Rule(
        R,
        "what clients get fits another pattern, or none",
        "They may take it apart by the old pattern.",
        "Keep the pattern, or tell the API's clients.",
    ),
    "api-response-pattern-added": Rule(
        S, "what clients get fits a pattern", "They could read it before.", _NOTHING
    ),
    "api-response-property-removed": Rule(
        B, "a property is gone from an answer", "Clients that read it find nothing.", "Keep the property."
    ),
    "api-response-property-added": Rule(
        S, "a property is new in an answer", "Clients ignore properties they do not know.", _NOTHING
    ),
    "api-response-property-optional": Rule(
        B,
        "a property of an answer may be absent now",
        "Clients that read it may find nothing.",
        "Always send the property.",
    ),
    "api-response-property-required": Rule(
        S, "a property of an answer is always there now", "Clients had to expect it.", _NOTHING
    ),
    "api-response-additional-allowed": Rule(
        R,
        "an answer may have properties that are not declared",
        "A client that refuses unknown ones fails.",
        "Declare the properties.",
    ),
    "api-response-additional-refused": Rule(
        S, "an answer has only declared properties now", "Clients could read it before.", _NOTHING
    ),
    "api-response-alternative-added": Rule(
        B,
        "clients may get an alternative that they do not know",
        "They cannot read it.",
        "Send it only to clients that ask for it, or publish a new version of the API.",
    ),
    "api-response-alternative-removed": Rule(
        S, "clients get fewer alternatives", "They could read it before.", _NOTHING
    ),
    "api-response-default-changed": Rule(
        R,
        "a default of what clients get changed",
        "Clients that fill in the default of an absent value get another one.",
        "Keep the default, or always send the value.",
    ),
    "api-response-schema-changed": Rule(
        R,
        "a keyword that is not compared changed in what clients get",
        "They may get values that they do not expect.",
        "Look at the change, and accept it with a reason if it is safe.",
    ),
    "api-discriminator-changed": Rule(
        B,
        "a discriminator has another property, or maps a value to something else",
        "Clients tell the alternatives apart in the old way.",
        _NEW_VERSION,
    ),
}  # fmt: skip
"""By code. A code has one severity, so that an accept list, a dashboard and a reader need only the code."""
