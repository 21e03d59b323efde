import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { Engine } from 'mrml'
import { layoutFile } from '#channels/email/layout.ts'

/** What the layout of mails compiles to. Throws where MJML finds a fault. */
export function compiledLayout(): string {
  const source = readFileSync(layoutFile.replace(/html$/, 'mjml'), 'utf8')
  const engine = new Engine()
  // Known names of fonts would be fetched from Google by whoever opens a mail.
  engine.setRenderOptions({ disableComments: true, fonts: {}, socialIconOrigin: null })
  const result = engine.toHtml(source)
  if (result.type !== 'success') throw new Error(`layout.mjml: ${result.message}`)
  if (result.warnings.length > 0) throw new Error(`layout.mjml: ${JSON.stringify(result.warnings)}`)
  // Every mail carries it.
  return `${result.content.replace(/\s*\n\s*/g, '\n').trim()}\n`
}

// Run by itself it writes the layout anew: node_modules/.bin/node infra/tests/mail-layout.ts
if (process.argv[1] === import.meta.filename) {
  writeFileSync(layoutFile, compiledLayout())
  console.log(path.relative(process.cwd(), layoutFile))
}
