import { limits } from './limits.ts'
import { invalid } from './refusal.ts'

export type Attributes = ReadonlyMap<string, string>
export type Filter = (attributes: Attributes) => boolean

/**
 * Compiles an expression of the Pub/Sub filter language
 * (https://cloud.google.com/pubsub/docs/subscription-message-filter#filtering_syntax):
 * `attributes:key`, `attributes.key = "value"`, `!=`, `hasPrefix(attributes.key, "value")`, joined by `AND`, `OR`,
 * `NOT` (or `-`) and parentheses. Mixing AND with OR needs parentheses. An empty expression gives undefined: no filter.
 * Throws INVALID_ARGUMENT with the position of the mistake, or when the expression is longer than 256 bytes.
 */
export function compileFilter(source: string): Filter | undefined {
  if (source.trim() === '') return undefined
  if (Buffer.byteLength(source) > limits.filterBytes) {
    throw invalid(`The filter is longer than ${limits.filterBytes} bytes.`)
  }
  const tokens: Tokens = { all: tokenize(source), at: 0 }
  const filter = parseExpression(tokens)
  if (peek(tokens).kind !== 'end') throw unexpected(tokens, 'AND, OR or the end')
  return filter
}

type Token = { kind: 'word' | 'string' | 'symbol' | 'end'; text: string; position: number }
type Tokens = { all: Token[]; at: number }

const tokenPattern = /\s*(?:("(?:[^"\\]|\\.)*")|(!=|[=:.,()-])|([A-Za-z0-9_][-A-Za-z0-9_]*))/y
const whitespaceToEnd = /\s*$/y

function tokenize(source: string): Token[] {
  const tokens: Token[] = []
  let position = 0
  for (;;) {
    whitespaceToEnd.lastIndex = position
    if (whitespaceToEnd.test(source)) return [...tokens, { kind: 'end', text: 'the end', position: source.length }]
    tokenPattern.lastIndex = position
    const match = tokenPattern.exec(source)
    if (!match) throw invalid(`The filter has something unreadable at character ${position}.`)
    const [, string, symbol, word] = match
    if (string !== undefined) tokens.push({ kind: 'string', text: unquote(string, position), position })
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol, position })
    else tokens.push({ kind: 'word', text: word ?? '', position })
    position = tokenPattern.lastIndex
  }
}

const escapes: Record<string, string> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', v: '\v', a: '\x07' }
const escapePattern = /\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|x[0-9a-fA-F]{2}|[0-7]{1,3}|.)/gs

function unquote(literal: string, position: number): string {
  return literal.slice(1, -1).replace(escapePattern, (_all, escape: string) => {
    const octal = escape[0]! >= '0' && escape[0]! <= '7'
    if (!octal && escape.length === 1 && !'uUx'.includes(escape)) return escapes[escape] ?? escape
    const point = octal ? Number.parseInt(escape, 8) : Number.parseInt(escape.slice(1), 16)
    if (point <= 0x10ffff) return String.fromCodePoint(point)
    throw invalid(`The filter has a broken escape in the string at character ${position}.`)
  })
}

function parseExpression(tokens: Tokens): Filter {
  const parts = [parseTerm(tokens)]
  const joint = peek(tokens)
  if (joint.kind !== 'word' || (joint.text !== 'AND' && joint.text !== 'OR')) return parts[0]!
  while (peek(tokens).kind === 'word') {
    const { text } = peek(tokens)
    if (text === 'AND' || text === 'OR') {
      if (text !== joint.text) throw invalid('The filter mixes AND with OR; put parentheses around one of them.')
      tokens.at += 1
      parts.push(parseTerm(tokens))
    } else throw unexpected(tokens, 'AND or OR')
  }
  if (joint.text === 'AND') return attributes => parts.every(part => part(attributes))
  return attributes => parts.some(part => part(attributes))
}

function parseTerm(tokens: Tokens): Filter {
  if (skip(tokens, 'word', 'NOT') || skip(tokens, 'symbol', '-')) {
    const negated = parseTerm(tokens)
    return attributes => !negated(attributes)
  }
  if (skip(tokens, 'symbol', '(')) {
    const inner = parseExpression(tokens)
    expect(tokens, ')')
    return inner
  }
  if (skip(tokens, 'word', 'hasPrefix')) return parsePrefix(tokens)
  if (!skip(tokens, 'word', 'attributes')) throw unexpected(tokens, '"attributes" or "hasPrefix"')
  if (skip(tokens, 'symbol', ':')) {
    const key = parseKey(tokens)
    return attributes => attributes.has(key)
  }
  expect(tokens, '.')
  const key = parseKey(tokens)
  const equal = skip(tokens, 'symbol', '=')
  if (!equal) expect(tokens, '!=')
  const value = parseString(tokens)
  return equal ? attributes => attributes.get(key) === value : attributes => attributes.get(key) !== value
}

function parsePrefix(tokens: Tokens): Filter {
  expect(tokens, '(')
  if (!skip(tokens, 'word', 'attributes')) throw unexpected(tokens, '"attributes"')
  expect(tokens, '.')
  const key = parseKey(tokens)
  expect(tokens, ',')
  const prefix = parseString(tokens)
  expect(tokens, ')')
  return attributes => attributes.get(key)?.startsWith(prefix) ?? false
}

function parseKey(tokens: Tokens): string {
  const token = peek(tokens)
  if (token.kind !== 'word' && token.kind !== 'string') throw unexpected(tokens, 'an attribute key')
  tokens.at += 1
  return token.text
}

function parseString(tokens: Tokens): string {
  const token = peek(tokens)
  if (token.kind !== 'string') throw unexpected(tokens, 'a string in double quotes')
  tokens.at += 1
  return token.text
}

function peek(tokens: Tokens): Token {
  return tokens.all[tokens.at]!
}

function skip(tokens: Tokens, kind: Token['kind'], text: string): boolean {
  const token = peek(tokens)
  if (token.kind !== kind || token.text !== text) return false
  tokens.at += 1
  return true
}

function expect(tokens: Tokens, symbol: string): void {
  if (!skip(tokens, 'symbol', symbol)) throw unexpected(tokens, `"${symbol}"`)
}

function unexpected(tokens: Tokens, wanted: string): Error {
  const token = peek(tokens)
  return invalid(`The filter has "${token.text}" at character ${token.position} where ${wanted} is expected.`)
}
