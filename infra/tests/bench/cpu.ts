import { readdirSync, readFileSync } from 'node:fs'
import type { Queryable } from '#runtime/postgres.ts'

/** Linux counts CPU in ticks of 10 ms (USER_HZ is 100 on every platform Node runs on). */
const tickUs = 10_000

type Stat = { pid: number; parent: number; ownUs: number; reapedUs: number }

function statOf(pid: number): Stat | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command name may hold spaces; fields are counted from behind its closing bracket (proc(5)).
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number)
    const [parent, user, system] = [fields[1]!, fields[11]!, fields[12]!]
    const [reapedUser, reapedSystem] = [fields[13]!, fields[14]!]
    return { pid, parent, ownUs: (user + system) * tickUs, reapedUs: (reapedUser + reapedSystem) * tickUs }
  } catch {
    return undefined
  }
}

/** CPU time of a process and all that it started, ended ones included, in microseconds. */
export function cpuOfTree(pid: number): number {
  const stats = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => statOf(Number(name)) ?? [])
  const children = Map.groupBy(stats, stat => stat.parent)
  const sum = (stat: Stat): number =>
    stat.ownUs + stat.reapedUs + (children.get(stat.pid) ?? []).reduce((total, child) => total + sum(child), 0)
  const root = stats.find(stat => stat.pid === pid)
  return root ? sum(root) : 0
}

/** CPU of the server's backends by the name of the application that they serve. */
export async function cpuByBackend(db: Queryable): Promise<Record<string, number>> {
  const rows = await db.query<{ pid: number; name: string }>(
    `select pid, application_name as name from pg_stat_activity where application_name <> ''`,
  )
  const sums: Record<string, number> = {}
  for (const { pid, name } of rows) {
    const key = `postgres for ${name}`
    sums[key] = (sums[key] ?? 0) + (statOf(pid)?.ownUs ?? 0)
  }
  return sums
}

/** The most memory that a process ever held, in MB. */
export const peakMemoryMb = (pid: number): number => Math.round(statusMb(pid, 'VmHWM'))

/** The memory that a process holds now, in MB. */
export const memoryMb = (pid: number): number => statusMb(pid, 'VmRSS')

function statusMb(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  const line = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(line?.[1] ?? 0) / 1024
}
