"""Just enough of C++'s grammar for rules over source: what is code, and where functions are."""

import re

# In this order: a raw string may hold anything, a string or character may hold comment signs.
_TOKEN = re.compile(
    r'(?P<raw>R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)")'
    r"|(?P<string>\"(?:\\.|[^\"\\\n])*\")"
    r"|(?P<digits>\b[0-9][0-9a-fA-FxX']*)"
    r"|(?P<char>'(?:\\.|[^'\\\n])*')"
    r"|(?P<comment>//[^\n]*|/\*.*?\*/)",
    re.DOTALL,
)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def code_only(text):
    """The text with comments and the contents of literals blanked; every line keeps its place."""

    def replace(match):
        if match["digits"]:
            return match[0]
        if match["comment"]:
            return _blank(match[0])
        quote = match[0][-1]
        return quote + _blank(match[0][1:-1]) + quote

    return _TOKEN.sub(replace, text)


def comments_only(text):
    """The text with everything but comments blanked."""
    parts = []
    end = 0
    for match in _TOKEN.finditer(text):
        parts.append(_blank(text[end : match.start()]))
        parts.append(match[0] if match["comment"] else _blank(match[0]))
        end = match.end()
    parts.append(_blank(text[end:]))
    return "".join(parts)


_SCOPE = re.compile(r'\bnamespace\b|\bextern\s*"')
_TYPE = re.compile(r"\b(class|struct|union|enum)\b")


def _without_parentheses(head):
    """Drops (...) and, roughly, <...>, so that what is left is the declaration's own words."""
    previous = None
    while previous != head:
        previous = head
        head = re.sub(r"\([^()]*\)", " ", head)
    return head


def _kind(head, function_open):
    """What a brace at namespace or class level opens: "scope", "function" or "other".

    `head` is the text since the last ; { or } of that level; `function_open` tells that the
    block before was a braced member initialiser of a constructor whose body is still to come.
    """
    head = re.sub(r"\[\[.*?\]\]", " ", head, flags=re.DOTALL)
    bare = _without_parentheses(re.sub(r"operator\s*[^\s(]+", "operator", head))
    if _SCOPE.search(bare) or (_TYPE.search(bare) and "(" not in head):
        return "scope"
    if _TYPE.match(bare.strip().removeprefix("template").lstrip()) and "(" not in bare:
        # A class whose base or attribute has parentheses: class A : public B<decltype(x)>.
        return (
            "scope"
            if not re.search(r"\)\s*(const|noexcept|override|final)?\s*$", head)
            else "function"
        )
    if re.search(r"[^=!<>]=[^=]|[^=!<>]=$", bare):
        return "other"
    return "function" if "(" in head or function_open else "other"


def functions(text):
    """Yields (first line, number of lines) of each function with a body, lines counted from 1."""
    code = code_only(text)
    # Preprocessor lines hold no declarations of their own; a macro's body is not a function.
    code = re.sub(
        r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: _blank(m[0]), code, flags=re.MULTILINE
    )
    scopes = []  # What each open brace is.
    head_start = 0
    function_start = None
    position = 0
    for match in re.finditer(r"[{};]", code):
        position = match.start()
        inside_function = not {"function", "other", "inner"}.isdisjoint(scopes)
        if match[0] == "{":
            if inside_function:
                scopes.append("inner")
                continue
            head = code[head_start:position]
            if head.count("(") > head.count(")"):
                scopes.append("inner")  # A default argument such as `A a = {}`.
                continue
            kind = _kind(head, function_start is not None)
            if kind == "function" and function_start is None:
                function_start = head_start + len(head) - len(head.lstrip())
            scopes.append(kind)
            head_start = match.end()
        elif match[0] == "}":
            kind = scopes.pop() if scopes else "scope"
            if kind == "function":
                rest = code[match.end() :].lstrip()
                # `Type() : a_{1}, b_{2} { ... }`: the braces of a_ and b_ are not the body yet.
                if not rest.startswith((",", "{")):
                    first = code.count("\n", 0, function_start) + 1
                    yield first, code.count("\n", function_start, match.end()) + 1
                    function_start = None
            if kind != "inner":
                head_start = match.end()
        elif not inside_function:
            head_start = match.end()
            function_start = None
