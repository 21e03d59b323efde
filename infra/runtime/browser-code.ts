import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import type { FastifyInstance } from './http.ts'

const shared = path.resolve(import.meta.dirname, '..', 'browser')
const modules = path.resolve(import.meta.dirname, '..', '..', 'node_modules')
const renderer = path.join(modules, 'lit-html', 'lit-html.js')
/** D3's scales and shapes with what they are made of, in the order in which each needs those before it. */
const d3Parts = ['array', 'color', 'format', 'interpolate', 'path', 'time', 'time-format', 'scale', 'shape']
/** What pages import of it. */
const d3Names = ['line', 'scaleLinear', 'scaleLog', 'stack']
const keptS = 300

/**
 * Serves code for browsers under `/ui`: each folder of TypeScript modules under its name, without its types, and what they
 * import by name: `infra/browser`, which they share, lit-html, and D3's scales and shapes. There is no build: what the repository holds is
 * what runs. Any page may load it.
 */
export function serveBrowserCode(app: FastifyInstance, folders: Readonly<Record<string, string>>): void {
  serveModule(app, '/ui/lit-html.js', readFileSync(renderer, 'utf8').replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'))
  serveModule(app, '/ui/d3.js', d3Module())
  for (const [name, folder] of Object.entries({ ...folders, browser: shared }))
    for (const file of readdirSync(folder).filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts')))
      serveModule(
        app,
        `/ui/${name}/${file.slice(0, -3)}.js`,
        browserModule(readFileSync(path.join(folder, file), 'utf8')),
      )
}

/**
 * Where all is that a module of a folder imports, all the way down within the folder: a page that names it to browsers gets it at once,
 * not one file after another. `name` is what the folder is served by.
 */
export function importsOf({ name, folder, module }: { name: string; folder: string; module: string }): string[] {
  const found = new Set([`/ui/${name}/${module}.js`])
  for (const at of found) {
    if (path.posix.dirname(at) !== `/ui/${name}`) continue
    const code = browserModule(readFileSync(path.join(folder, `${path.posix.basename(at, '.js')}.ts`), 'utf8'))
    for (const [, to] of code.matchAll(/^import [^']*'(\.[^']+)'/gm))
      found.add(path.posix.join(path.posix.dirname(at), to!))
  }
  return [...found]
}

/** Each part is a script that adds to one name; together they are one module. */
function d3Module(): string {
  const parts = d3Parts.map(name => readFileSync(path.join(modules, `d3-${name}`, 'dist', `d3-${name}.min.js`), 'utf8'))
  return `${parts.join(';\n')};\nexport const { ${d3Names.join(', ')} } = globalThis.d3;\n`
}

/** A module as browsers read it: no types, and the names of what it imports as they are served. */
const browserModule = (source: string): string =>
  withoutTypes(source)
    .replaceAll(/\b(from|import) '(\.[^']*)\.ts'/g, `$1 '$2.js'`)
    .replaceAll(/\b(from|import) '#browser\/([^']*)\.ts'/g, `$1 '../browser/$2.js'`)
    .replaceAll(` from 'lit-html'`, ` from '../lit-html.js'`)
    .replaceAll(/ from 'd3-(?:scale|shape)'/g, ` from '../d3.js'`)

/** Node says of it that it may change; what it gives is tested in a browser. */
function withoutTypes(source: string): string {
  const warn = process.emitWarning.bind(process)
  process.emitWarning = () => {}
  try {
    return stripTypeScriptTypes(source)
  } finally {
    process.emitWarning = warn
  }
}

function serveModule(app: FastifyInstance, at: string, code: string): void {
  // Weak: the same code, packed or not.
  const etag = `W/"${createHash('sha256').update(code).digest('base64url').slice(0, 22)}"`
  const packed = gzipSync(code)
  const headers = {
    'cache-control': `public, max-age=${keptS}`,
    'access-control-allow-origin': '*',
    'cross-origin-resource-policy': 'cross-origin',
    vary: 'accept-encoding',
    etag,
  }
  app.get(at, async (request, reply) => {
    reply.headers(headers)
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    reply.type('text/javascript; charset=utf-8')
    return takesGzip(request.headers['accept-encoding'])
      ? reply.header('content-encoding', 'gzip').send(packed)
      : reply.send(code)
  })
}

/** Reads `accept-encoding`: a weight of 0 is none. */
function takesGzip(accepted = ''): boolean {
  const weights = new Map(
    accepted.split(',').map(one => {
      const [coding = '', weight = 'q=1'] = one.split(';').map(part => part.trim().toLowerCase())
      return [coding, Number(weight.replace(/^q=/, ''))]
    }),
  )
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0
}
