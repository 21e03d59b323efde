import type { Audit } from '#ledger/audit.ts'

/** The audit for a person: one line when it balances, else what does not. */
export function printAudit(report: Audit): string {
  const { messages, outcomes, inFlight, decisions } = report
  const ended = Object.values(outcomes).reduce((sum, n) => sum + n, 0)
  const lines = [
    `audit: ${report.balanced ? 'balanced' : 'UNBALANCED'}`,
    `  messages   ${n(messages.received)} received = ${sumOf(messages, ['admitted', 'duplicate', 'malformed', 'conflict', 'unknown', 'parked', 'expired'])}`,
    `  decisions  ${n(decisions.delivering)} to deliver, ${n(decisions.refused)} refused by a rule, ${n(decisions.held)} held`,
    `  outcomes   ${n(ended)} written once for each device or refusal`,
    `  to come    ${n(inFlight.deliveries)} deliveries, ${n(inFlight.held)} held decisions`,
    ...report.problems.map(problem => `  ✗ ${problem.sentence}`),
  ]
  if (report.more > 0) lines.push(`  … and ${n(report.more)} more`)
  return lines.join('\n')
}

const numbers = new Intl.NumberFormat('en')
const n = (value: number): string => numbers.format(value)
const sumOf = (counts: Audit['messages'], names: readonly (keyof Audit['messages'])[]): string =>
  names
    .filter((name, at) => at === 0 || counts[name] > 0)
    .map(name => `${n(counts[name])} ${name}`)
    .join(' + ')
