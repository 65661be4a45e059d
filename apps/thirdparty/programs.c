// SPDX-License-Identifier: MIT
// Everything here gives the same on every machine: no clock, no Math.random, no function of mathematics whose last
// digit depends on the library, no sorting by keys that are equal.
#include "apps/thirdparty/programs.h"

const char *const programs_library[] = {
    // Numbers that look random, in a closure.
    "function dice(seed) { var s = seed >>> 0; return function (n) { s = (s * 1664525 + 1013904223) % 4294967296; return "
    "Math.floor(s / 65536) % n; }; }\n"
    "var roll = dice(12345), counters = [], store = {}, log = [], words = {}, served = 0;",

    // Counters, each a pair of closures over one variable.
    "function makeCounter(name, by) { var n = 0, steps = []; return { name: name, add: function (k) { n += by * k; steps.push(n); "
    "if (steps.length > 20) steps.shift(); return n; }, get: function () { return n; }, trail: function () { return "
    "steps.join(','); } }; }\n"
    "function counter(i) { while (counters.length <= i) counters.push(makeCounter('c' + counters.length, counters.length + 1)); "
    "return counters[i]; }",

    // A list that is linked both ways and an index into it: what was used last stays.
    "function Cache(limit) { this.limit = limit; this.index = {}; this.count = 0; this.head = { key: null }; this.head.next = "
    "this.head.prev = this.head; this.hits = this.misses = 0; }\n"
    "Cache.prototype.unlink = function (e) { e.prev.next = e.next; e.next.prev = e.prev; };\n"
    "Cache.prototype.first = function (e) { e.next = this.head.next; e.prev = this.head; e.next.prev = e; this.head.next = e; };\n"
    "Cache.prototype.get = function (key, make) { var e = this.index[key]; if (e) { this.hits++; this.unlink(e); this.first(e); "
    "return e.value; } this.misses++; e = { key: key, value: make(key) }; this.index[key] = e; this.first(e); if (++this.count > "
    "this.limit) { var last = this.head.prev; this.unlink(last); delete this.index[last.key]; this.count--; } return e.value; };\n"
    "Cache.prototype.keys = function () { var out = []; for (var e = this.head.next; e !== this.head; e = e.next) out.push(e.key); "
    "return out.join(' '); };\n"
    "var cache = new Cache(25);",

    // Arithmetic expressions: words by a regular expression, a parser, a tree, its value.
    "function tokens(text) { var re = /\\s*(\\d+\\.?\\d*|[-+*\\/()^%]|[a-z]+)/g, out = [], m; re.lastIndex = 0; while ((m = re.exec(text)) "
    "!== null) out.push(m[1]); return out; }\n"
    "function parse(text) { var t = tokens(text), at = 0;\n"
    " function primary() { var w = t[at++]; if (w === '(') { var e = sum(); if (t[at++] !== ')') throw new SyntaxError('no )'); "
    "return e; } if (w === '-') return { op: 'neg', a: primary() }; if (/^\\d/.test(w)) return { op: 'n', v: parseFloat(w) }; if "
    "(/^[a-z]/.test(w)) return { op: 'v', name: w }; throw new SyntaxError('unexpected ' + w); }\n"
    " function level(next, ops) { return function () { var e = next(); while (ops.indexOf(t[at]) >= 0 && at < t.length) e = { op: t[at++], "
    "a: e, b: next() }; return e; }; }\n"
    " var product = level(primary, ['*', '/', '%']), sum = level(product, ['+', '-']); var e = sum(); if (at < t.length) throw new "
    "SyntaxError('left: ' + t.slice(at).join(' ')); return e; }\n"
    "function value(e, vars) { switch (e.op) { case 'n': return e.v; case 'v': if (!(e.name in vars)) throw new ReferenceError(e.name); "
    "return vars[e.name]; case 'neg': return -value(e.a, vars); case '+': return value(e.a, vars) + value(e.b, vars); case '-': return "
    "value(e.a, vars) - value(e.b, vars); case '*': return value(e.a, vars) * value(e.b, vars); case '/': return value(e.a, vars) / "
    "value(e.b, vars); case '%': return value(e.a, vars) % value(e.b, vars); } throw new Error(e.op); }\n"
    "var formulas = [], vars = { x: 1, y: 2 };",

    // A tree of search, and a queue of things to do later.
    "function insert(node, key) { if (!node) return { key: key, n: 1, left: null, right: null }; if (key < node.key) node.left = "
    "insert(node.left, key); else if (key > node.key) node.right = insert(node.right, key); else node.n++; return node; }\n"
    "function walk(node, fn) { if (node) { walk(node.left, fn); fn(node); walk(node.right, fn); } }\n"
    "function depth(node) { return node ? 1 + Math.max(depth(node.left), depth(node.right)) : 0; }\n"
    "var tree = null, queue = [];\n"
    "function later(due, fn) { queue.push({ due: due, n: served++, fn: fn }); queue.sort(function (a, b) { return a.due - b.due || a.n - "
    "b.n; }); if (queue.length > 60) queue.shift(); }",

    // Digests in 32-bit arithmetic, and the state of everything as one text.
    "function fnv(text) { var h = 0x811c9dc5; text.split('').forEach(function (c) { h ^= c.charCodeAt(0); h = (h + (h << 1) + (h << 4) + "
    "(h << 7) + (h << 8) + (h << 24)) >>> 0; }); return ('0000000' + h.toString(16)).slice(-8); }\n"
    "function state() { var keys = []; walk(tree, function (n) { keys.push(n.key + '*' + n.n); }); return JSON.stringify({ store: store, "
    "log: log.slice(-10), counters: counters.map(function (c) { return c.name + '=' + c.get(); }), cache: cache.keys(), tree: keys, "
    "queue: queue.map(function (q) { return q.due; }), formulas: formulas.length, vars: vars, served: served }); }\n"
    "function note(what) { log.push(what); if (log.length > 100) log = log.slice(50); return what; }",

    // Primes, matrices, permutations.
    "var sieve = (function () { var limit = 2, composite = []; return function (n) { if (n > limit) { composite = []; for (var i = 2; i * i "
    "<= n; i++) if (!composite[i]) for (var k = i * i; k <= n; k += i) composite[k] = true; limit = n; } var count = 0, last = 0; for (var p "
    "= 2; p <= n; p++) if (!composite[p]) { count++; last = p; } return count + ' primes, last ' + last; }; })();\n"
    "function matrix(n, f) { var m = []; for (var i = 0; i < n; i++) { m[i] = []; for (var k = 0; k < n; k++) m[i][k] = f(i, k); } return m; }\n"
    "function times(a, b) { return matrix(a.length, function (i, k) { var s = 0; for (var j = 0; j < b.length; j++) s += a[i][j] * b[j][k]; "
    "return s; }); }\n"
    "var power = matrix(4, function (i, k) { return i === k ? 1 : 0; });\n"
    "function permutations(list) { if (list.length < 2) return [list]; var out = []; list.forEach(function (x, i) { permutations(list.slice(0, "
    "i).concat(list.slice(i + 1))).forEach(function (rest) { out.push([x].concat(rest)); }); }); return out; }",
    nullptr,
};

const char *const programs_forms[] = {
    "counter(%S).add(%N)",
    "[counter(%S).get(), counter(%S).trail()].join(' / ')",
    "store['%W'] = { n: %N, list: [%N, %N, %S], name: '%W', at: new Date(%N000000).toISOString() }; Object.keys(store).length",
    "delete store['%W']; Object.keys(store).sort().join(' ')",
    "for (var k in store) { store[k].n = (store[k].n * 31 + %N) % 10007; } JSON.stringify(store).length",
    "JSON.stringify(store, null, %S).substring(0, 600)",
    "var copy = JSON.parse(JSON.stringify(store)); copy['%W'] = [%N]; fnv(JSON.stringify(copy))",
    "cache.get('%W', function (k) { return k.split('').reverse().join('') + %N; }) + ' ' + cache.hits + '/' + cache.misses",
    "cache.keys()",
    "formulas.push(parse('(x + %N) * y - %N / (%S + x) % %S')); if (formulas.length > 12) formulas.shift(); formulas.length",
    "vars.x = %N; vars.y = %S; formulas.map(function (f) { return value(f, vars); }).join(' ')",
    "parse('%N + * %S')",
    "value(parse('%N * %W'), vars)",
    "tree = insert(insert(insert(tree, '%W'), '%W'), '%W'); depth(tree)",
    "var seen = []; walk(tree, function (n) { if (n.n > %S) seen.push(n.key + ':' + n.n); }); seen.join(' ')",
    "if (depth(tree) > 14) tree = null; 'depth ' + depth(tree)",
    "later(%N, (function (k) { return function () { return note('did ' + k + ' %W'); }; })(%N)); queue.length",
    "var done = []; while (queue.length && queue[0].due < %N) done.push(queue.shift().fn()); done.join('; ')",
    "var list = []; for (var i = 0; i < %N; i++) list.push(roll(100000) * 1000 + i); list.sort(function (a, b) { return a - b; }); "
    "fnv(list.join()) + ' ' + list[0] + ' ' + list[list.length - 1]",
    "sieve(%N * %S)",
    "power = times(power, matrix(4, function (i, k) { return (i * %S + k + %N) % 17; })).map(function (row) { return row.map(function (v) { "
    "return v % 9973; }); }); power.join(' ; ')",
    "permutations(['%W', %S, '%S', 'z']).slice(0, %S).join(' | ')",
    "'%W %N %W %W %N'.replace(/([a-z]+)(\\d+)/g, function (all, w, n) { words[w] = (words[w] || 0) + 1; return w.toUpperCase() + '-' + "
    "(n * 2); })",
    "Object.keys(words).sort().map(function (w) { return w + '=' + words[w]; }).join('&')",
    "'key=%W; other=%N; third=\"%W %W\"'.match(/(\\w+)=(\"[^\"]*\"|[^;]*)/g).join('#') + /^(?:a|b|ch)(.*?)(\\d)\\d*$/.exec('%W')",
    "'%W,%W;%W'.split(/[,;]/).map(function (w, i) { return w.charAt(i) + w.length + encodeURIComponent(w + '\\u00e4 &'); }).join('')",
    "var text = ''; for (var i = 0; i < %N; i++) text += String.fromCharCode(97 + roll(26)); fnv(text) + text.lastIndexOf('a') + "
    "text.slice(%S, 20)",
    "[%N / 7, %N * 1e%S, 1 / %S, (%N / 3).toFixed(%S), (%N * 12345.678).toPrecision(%S), (%N).toString(2), parseInt('%N', 8), %N >>> 3, ~%N, "
    "%N % 2.5, Math.sqrt(%N), Math.floor(-%N / %S), 0.1 + %S, 1e21 + %N, -1e-7 * %S].join(' ')",
    "[Math.max(%N, %N), Math.min(), Math.round(%N / 4), Math.pow(2, %S), Math.abs(-%N), isNaN('%W' * 1), [] + {}, [%N] == %N, typeof null, "
    "void 0 === undefined].join(' ')",
    "[Math.sin(%N).toFixed(9), Math.atan2(%N, %S).toFixed(9), Math.exp(%S).toFixed(6), Math.log(%N).toFixed(9)].join(' ')",
    "var d = new Date(%N * 86400000 + %N * 1000); [d.getUTCFullYear(), d.getUTCMonth(), d.getUTCDate(), d.getUTCDay(), d.toISOString(), "
    "Date.UTC(2000 + %S, %S, %N)].join(' ')",
    "try { null.x } catch (e) { note(e.name + ' ' + '%W') } finally { served += %S } log.length + ' ' + served",
    "throw new RangeError('%W %N')",
    "undefinedVariable%S + %N",
    "(function f(n) { return n < 2 ? n : f(n - 1) + f(n - 2); })(%S + 8)",
    "(function deep(n) { return n > 0 ? 1 + deep(n - 1) : 0; })(%N)",
    "var fn = eval('(function (a) { return a * %N + served; })'); fn(%S)",
    "var bound = counter(%S).add.bind(null, %S); [1, 2, 3].map(bound).reduce(function (a, b) { return a + b; })",
    "Object.getOwnPropertyNames(Object.create(cache, { extra: { value: %N, enumerable: true } })).join() + ' ' + (cache instanceof Cache)",
    "var o = { get twice() { return this.v * 2; }, set half(x) { this.v = x / 2; }, v: %N }; o.half = %N; [o.twice, o.v, Object.keys(o)].join()",
    "print('%W', %N, [%S, [%S]], { a: 1 }); print(state().length); gc(); fnv(state())",
    "gc(); state()",
    nullptr,
};
