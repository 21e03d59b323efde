import { type Expression, parseSync, type Span, Visitor, type VisitorObject } from 'oxc-parser'

export type Import = { specifier: string; line: number; typeOnly: boolean }
/** What the rules want to know of a file. `path` is relative to the root, with forward slashes. */
export type Source = {
  path: string
  lines: number
  imports: Import[]
  functions: { line: number; lines: number }[]
  environmentReads: number[]
  clockReads: number[]
  /** Tables that a query builder call or a piece of SQL in a string may write. */
  writes: { table: string; line: number }[]
}

type At = (node: Span) => number

const builderWrites = new Set(['insertInto', 'updateTable', 'deleteFrom', 'mergeInto', 'replaceInto'])
const sqlWrites =
  /\b(?:insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?|copy)\s+(?:only\s+)?"?(\w+)/gi

/** Reads a TypeScript or JavaScript file. Throws when it does not parse. */
export function readSource(path: string, text: string): Source {
  const { program, errors } = parseSync(path, text)
  if (errors[0]) throw new Error(`${path}: ${errors[0].message}`)
  const at = lineFinder(text)
  const source: Source = {
    path,
    lines: text.split('\n').length - (text.endsWith('\n') ? 1 : 0),
    imports: [],
    functions: [],
    environmentReads: [],
    clockReads: [],
    writes: [],
  }
  for (const visitor of [imports(source, at), functions(source, at), globals(source, at), writes(source, at)])
    new Visitor(visitor).visit(program)
  return source
}

function lineFinder(text: string): At {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(match => match.index + 1)]
  return node => starts.findLastIndex(start => start <= node.start) + 1
}

function imports({ imports }: Source, at: At): VisitorObject {
  const add = (node: Span, specifier: string, typeOnly: boolean) =>
    imports.push({ specifier, line: at(node), typeOnly })
  return {
    ImportDeclaration: node => void add(node, node.source.value, node.importKind === 'type'),
    ExportAllDeclaration: node => void add(node, node.source.value, node.exportKind === 'type'),
    ExportNamedDeclaration: node => void (node.source && add(node, node.source.value, node.exportKind === 'type')),
    TSImportType: node => void add(node, node.source.value, true),
    ImportExpression(node) {
      if (node.source.type === 'Literal' && typeof node.source.value === 'string') add(node, node.source.value, false)
    },
  }
}

function functions({ functions }: Source, at: At): VisitorObject {
  const add = (node: Span) => {
    const line = at(node)
    functions.push({ line, lines: at({ start: node.end, end: node.end }) - line + 1 })
  }
  return { FunctionDeclaration: add, FunctionExpression: add, ArrowFunctionExpression: add }
}

function globals({ environmentReads, clockReads }: Source, at: At): VisitorObject {
  return {
    MemberExpression(node) {
      const name = dotted(node)
      if (name === 'process.env') environmentReads.push(at(node))
      if (name === 'Temporal.Now') clockReads.push(at(node))
    },
    ImportDeclaration(node) {
      if (/^(node:)?process$/.test(node.source.value))
        for (const each of node.specifiers)
          if (each.type === 'ImportSpecifier' && each.imported.type === 'Identifier' && each.imported.name === 'env')
            environmentReads.push(at(each))
    },
    VariableDeclarator(node) {
      if (node.init?.type !== 'Identifier' || node.init.name !== 'process' || node.id.type !== 'ObjectPattern') return
      for (const each of node.id.properties)
        if (each.type === 'Property' && each.key.type === 'Identifier' && each.key.name === 'env')
          environmentReads.push(at(each))
    },
    CallExpression(node) {
      const name = dotted(node.callee)
      if (name === 'Date.now' || name === 'Date') clockReads.push(at(node))
    },
    NewExpression(node) {
      if (dotted(node.callee) === 'Date' && node.arguments.length === 0) clockReads.push(at(node))
    },
  }
}

function writes({ writes }: Source, at: At): VisitorObject {
  const addSql = (node: Span, text: string) => {
    for (const [, table] of text.matchAll(sqlWrites)) if (table) writes.push({ table, line: at(node) })
  }
  return {
    CallExpression({ callee, arguments: [first] }) {
      const method = callee.type === 'MemberExpression' && callee.property.type === 'Identifier' && callee.property.name
      if (!method || !builderWrites.has(method) || first?.type !== 'Literal') return
      if (typeof first.value === 'string') writes.push({ table: first.value.split(' ')[0] ?? '', line: at(first) })
    },
    Literal: node => void (typeof node.value === 'string' && addSql(node, node.value)),
    TemplateLiteral: node => addSql(node, node.quasis.map(part => part.value.raw).join('?')),
  }
}

/** `a.b` for what is written `a.b`, `a['b']` or `globalThis.a.b`. */
function dotted(node: Expression): string {
  if (node.type === 'Identifier') return node.name
  if (node.type !== 'MemberExpression') return ''
  const { object, property } = node
  const last = property.type === 'Literal' ? property.value : property.type === 'Identifier' && property.name
  return `${dotted(object)}.${last}`.replace(/^globalThis\./, '')
}
