// Runs every check of the source and prints one line each, then the problems of those that failed. Takes no arguments;
// ends with 0 only if all passed. Changes nothing: `oxfmt --write` in the named folders repairs the format.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'

type Check = { name: string; args: readonly string[] }

const root = path.join(import.meta.dirname, '..', '..')
const folders = ['analytics', 'channels', 'infra', 'preferences', 'producers', 'router']
const checkLimitMs = 5 * 60_000

const checks: readonly Check[] = [
  { name: 'format', args: [program('oxfmt'), '--check', ...folders] },
  { name: 'lint', args: [program('oxlint'), '--type-aware', '--deny-warnings', ...folders] },
  { name: 'types', args: [program('typescript', 'tsc'), '--project', '.'] },
  { name: 'architecture', args: ['--test', ...globSync('infra/architecture/*.test.ts', { cwd: root })] },
  { name: 'unused code', args: [program('knip')] },
]

const problems: string[] = []
for (const check of checks) {
  const startedAt = performance.now()
  const { passed, output } = await runCheck(check)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`${passed ? '✔' : '✖'} ${check.name.padEnd(12)} ${seconds} s`)
  if (!passed) problems.push(`\n✖ ${check.name}\n${output.trim()}`)
}
for (const problem of problems) console.log(problem)
process.exitCode = problems.length > 0 ? 1 : 0

/** A package's own program, run by this Node: the links in node_modules/.bin are shell scripts on Windows. */
function program(packageName: string, name = packageName): string {
  const folder = path.join(root, 'node_modules', packageName)
  const { bin }: { bin: string | Record<string, string> } = JSON.parse(
    readFileSync(path.join(folder, 'package.json'), 'utf8'),
  )
  const file = typeof bin === 'string' ? bin : bin[name]
  if (file === undefined) throw new Error(`the package ${packageName} has no program ${name}`)
  return path.join(folder, file)
}

async function runCheck({ args }: Check): Promise<{ passed: boolean; output: string }> {
  const options = { cwd: root, timeout: checkLimitMs } as const
  const child = spawn(process.execPath, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { passed: code === 0, output: out + err }
}
