type Replacement = { file: string; replace: string; by: string }

/** Rules of the pipeline, each with the text that keeps it and what the code is without it. */
export const mutants = {
  /** A late worker writes over the one that took its batch over. */
  'no fence': {
    file: 'infra/ledger/claim.ts',
    replace: 'where day = $1 and id = $2 and attempt = $3 and closed_at is null`\n\n/** Only SMS',
    by: 'where day = $1 and id = $2 and attempt >= $3`\n\n/** Only SMS',
  },
  /** A batch that a worker is busy with is taken by the next one that hears of it. */
  'no lease': {
    file: 'infra/ledger/claim.ts',
    replace: `         and (lease_until is null or lease_until < now())
       for update skip locked`,
    by: '       for update skip locked',
  },
  /** What a lost worker sent is told as not sent, if something forbids to send it again. */
  'no doubt': {
    file: 'channels/deliver.ts',
    replace: 'batch.maybeSent ? found.map(maybeSent) : found',
    by: 'batch.maybeSent ? found : found',
  },
  'no claim re-check': {
    file: 'channels/recheck.ts',
    replace: 'if (!may.allowed) return',
    by: 'if (may === undefined) return',
  },
  'no reconciler': {
    file: 'router/scheduler.ts',
    replace: 'every(pauses.reconcileMs, () => reconcile(deps),',
    by: 'every(pauses.reconcileMs, async () => false,',
  },
  'ack before commit': {
    file: 'router/route.ts',
    replace: 'const committed = await commit(',
    by: 'for (const message of messages) message.ack()\n  await new Promise(resolve => setTimeout(resolve, 500))\n  const committed = await commit(',
  },
  'no row lock': {
    file: 'router/windows-store.ts',
    replace: ' order by recipient for no key update`',
    by: '`',
  },
} satisfies Record<string, Replacement>
export type Mutant = keyof typeof mutants
