# SPDX-License-Identifier: MIT
"""Reads one description. Grammar: README.md of this folder. Stops at the first error of syntax."""

from . import model
from .lexer import IdlError, tokens


class Parser:
    def __init__(self, text, file):
        self.tokens = tokens(text, file)
        self.at = 0
        self.names = {}  # constants and enum values so far, for expressions
        self.enums = set()

    # Tokens -------------------------------------------------------------------------------------

    def peek(self):
        return self.tokens[self.at]

    def take(self):
        token = self.tokens[self.at]
        self.at += 1
        return token

    def accept(self, text):
        token = self.peek()
        if token.kind in ("name", "symbol") and token.text == text:
            return self.take()
        return None

    def expect(self, text, why=""):
        token = self.accept(text)
        if not token:
            after = f" {why}" if why else ""
            raise IdlError(self.peek().at, f"expected '{text}'{after}, found {self.peek()}")
        return token

    def name(self, what):
        token = self.peek()
        if token.kind != "name":
            raise IdlError(token.at, f"expected {what}, found {token}")
        return self.take()

    def doc(self):
        lines = []
        while self.peek().kind == "doc":
            lines.append(self.take().text)
        return lines

    # Numbers ------------------------------------------------------------------------------------

    def number(self):
        """expression := product (('+' | '-' | '<<') product)*, from left to right"""
        value = self.product()
        while True:
            if self.accept("+"):
                value += self.product()
            elif self.accept("-"):
                value -= self.product()
            elif self.accept("<<"):
                value <<= self.shift_amount()
            else:
                return value

    def shift_amount(self):
        at = self.peek().at
        amount = self.product()
        if not 0 <= amount < 64:
            raise IdlError(at, f"a shift by {amount} does not fit into 64 bits")
        return amount

    def product(self):
        value = self.factor()
        while self.accept("*"):
            value *= self.factor()
        return value

    def factor(self):
        token = self.peek()
        if self.accept("-"):
            return -self.factor()
        if self.accept("("):
            value = self.number()
            self.expect(")", "to close the expression")
            return value
        if token.kind == "number":
            return int(self.take().text, 0 if token.text[:2] in ("0x", "0X") else 10)
        if token.kind == "name":
            if token.text not in self.names:
                raise IdlError(token.at, f"no constant is named '{token.text}'")
            return self.names[self.take().text]
        raise IdlError(token.at, f"expected a number, found {token}")

    # Declarations -------------------------------------------------------------------------------

    def interface(self):
        doc = self.doc()
        self.expect("interface", "at the start of the description")
        name = self.name("the name of the interface")
        self.expect("=", "and the protocol number")
        number = self.number()
        self.expect("{")
        it = model.Interface(name.text, number, name.at.file, doc, name.at)
        while not self.accept("}"):
            self.item(it)
        if self.peek().kind != "end":
            raise IdlError(self.peek().at, f"one interface a file; found {self.peek()} after it")
        return it

    def item(self, it):
        doc = self.doc()
        token = self.peek()
        if self.accept("const"):
            it.consts.append(self.const(doc))
        elif self.accept("enum"):
            it.enums.append(self.enum(doc))
        elif self.accept("struct"):
            it.structs.append(self.struct(doc))
        elif self.accept("call"):
            it.calls.append(self.call(doc))
        else:
            raise IdlError(token.at, f"expected const, enum, struct, call or '}}', found {token}")

    def value(self, doc, what, ends):
        """NAME = number, then one of `ends`."""
        name = self.name(what)
        self.expect("=", f"after {what}")
        value = self.number()
        if name.text in self.names:
            raise IdlError(name.at, f"'{name.text}' is defined twice")
        self.names[name.text] = value
        if not any(self.accept(end) for end in ends):
            raise IdlError(self.peek().at, f"expected '{ends[0]}', found {self.peek()}")
        return model.Const(name.text, value, doc, name.at)

    def const(self, doc):
        return self.value(doc, "the name of the constant", (";",))

    def enum(self, doc):
        name = self.name("the name of the enum")
        self.expect("{")
        values = []
        while not self.accept("}"):
            values.append(self.value(self.doc(), "the name of the value", (";", ",")))
        self.enums.add(name.text)
        return model.Enum(name.text, values, doc, name.at)

    def struct(self, doc):
        name = self.name("the name of the struct")
        self.expect("{")
        fields = []
        while not self.accept("}"):
            fields.append(self.field(self.doc()))
        return model.Struct(name.text, fields, doc, name.at)

    def field(self, doc):
        self.accept("struct")
        type_ = self.name("the type of the field")
        name = self.name("the name of the field")
        count = None
        if self.accept("["):
            count = self.number()
            self.expect("]", "after the array length")
        self.expect(";", "after the field")
        return model.Field(type_.text, name.text, count, doc, name.at)

    def call(self, doc):
        name = self.name("the name of the operation")
        params = self.params()
        results = self.params() if self.accept("->") else []
        self.expect("recovery", "(idempotent, transactional or device)")
        recovery = self.name("a recovery word")
        if recovery.text not in model.RECOVERY:
            raise IdlError(recovery.at, f"'{recovery.text}' is no recovery word: "
                           + ", ".join(model.RECOVERY))  # fmt: skip
        errors = self.errors() if self.accept("errors") else []
        self.expect(";", "after the operation")
        plain = [(n, at) for n, at in errors if n != "errno"]
        call = model.Call(name.text, params, results, recovery.text, plain,
                          len(plain) != len(errors), doc, name.at)  # fmt: skip
        return call

    def errors(self):
        found = []
        while True:
            token = self.name("a status name or errno")
            found.append((token.text, token.at))
            if not self.accept(","):
                return found

    def params(self):
        self.expect("(")
        found = []
        if self.accept(")"):
            return found
        while True:
            found.append(self.param())
            if not self.accept(","):
                self.expect(")", "after the last argument")
                return found

    def param(self):
        name = self.name("the name of an argument")
        self.expect(":", "and the type")
        type_ = self.name("a type")
        if type_.text in model.DIRECTIONS:
            return self.grant(name, type_.text)
        if type_.text == "handle":
            return self.handle(name)
        if type_.text == "bool":
            return model.Param(name.text, "bool", "bool", name.at, 0, 1)
        if type_.text in self.enums:
            return model.Param(name.text, "enum", type_.text, name.at)
        if type_.text not in model.INTEGERS:
            raise IdlError(type_.at, f"unknown type '{type_.text}'")
        _, low, high = model.INTEGERS[type_.text]
        if self.accept("in"):
            low, high = self.range()
        return model.Param(name.text, "int", type_.text, name.at, low, high)

    def range(self):
        low = self.number()
        self.expect("..", "between the ends of the range")
        return low, self.number()

    def grant(self, name, direction):
        self.expect("bytes", "(a grant is a range of bytes)")
        self.expect("[", "and the allowed lengths")
        low = high = self.number()
        if self.accept(".."):
            high = self.number()
        self.expect("]", "after the lengths")
        return model.Param(name.text, "grant", direction, name.at, low, high)

    def handle(self, name):
        kind = self.name("the type of object")
        if kind.text not in model.OBJECTS:
            raise IdlError(kind.at, f"'{kind.text}' is no kernel object: {', '.join(model.OBJECTS)}")
        rights = []
        if self.accept("["):
            rights.append(self.right())
            while self.accept(","):
                rights.append(self.right())
            self.expect("]", "after the rights")
        return model.Param(name.text, "handle", kind.text, name.at, rights=tuple(rights))

    def right(self):
        token = self.name("a right")
        if token.text not in model.RIGHTS:
            raise IdlError(token.at, f"'{token.text}' is no right: {', '.join(model.RIGHTS)}")
        return token.text


def parse(text, file):
    return Parser(text, file).interface()
