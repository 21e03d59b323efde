import type { Rule } from '#contracts/decision.ts'
import type { Refusal } from '#contracts/intent.ts'
import type { OutcomeOrMoved } from '#contracts/outcome.ts'
import type { ToldStanding } from '#contracts/standing.ts'

/** When a code stands in a trace, and what to do then. A code in backticks is one of the page. */
export type Told = readonly [when: string, act: string]

export const ruleGroups = {
  sent: 'Why it is sent',
  waits: 'Why it waits',
  wish: 'Not sent: what the person wants',
  enough: 'Not sent: told already, or enough',
  over: 'Not sent: its time is over',
  operator: 'Not sent: what we said',
  way: 'On the way: addresses, templates and providers',
} as const

const nothing = 'Nothing.'
const theirs = 'It is theirs to change, on their page (`carillon page USER`).'
const wait = 'Wait. What must not go is retracted (`carillon retract`).'
const ofType = 'If that is too little, its team changes the type.'
const inQuarantine = 'An operator releases or discards it (`carillon quarantine list`).'

/** Rules, each in its group. */
export const ruleTold: Record<keyof typeof ruleGroups, Partial<Record<Rule, Told>>> = {
  sent: {
    default: ['Nobody said anything about it, and no limit is in its way.', 'Look at the attempts that follow.'],
    mandatory: ['Its type must be told, like a login code: wishes do not apply.', nothing],
    opted_in: ['The person switched this category, or everything, on for this channel.', nothing],
    tenant_locked: [
      'The tenant has taken the switch of this category on this channel out of people’s hands. Locked off, nobody gets it.',
      'Whoever runs the tenant changes it (`carillon tenant`).',
    ],
    tenant_default: ['The person said nothing, and the tenant has a default for the category.', theirs],
  },
  waits: {
    scheduled: ['The product asked for a time.', wait],
    quiet_hours: ['The person, or else their tenant, has quiet hours now.', 'Wait: it is decided again at their end.'],
    digest: ['It is told together with others, as its type or the person wants.', wait],
    budget: [
      'All types together have had as much of the person’s attention as they may.',
      'Wait: what is worth most goes first when there is room.',
    ],
    escalation: ['A later step: it goes if what went out before was not enough.', wait],
    active: ['The person is active elsewhere, and the step waits for them to leave: at most an hour.', wait],
    stopped: [
      'An operator stopped its type, category, channel, provider, producer or tenant.',
      '`carillon stops` says who and why, `carillon resume` ends it.',
    ],
    spread: ['The intent is told to one person after the other.', wait],
    quarantined: ['The intent is for more people than its type allows.', inQuarantine],
    volume: ['Far more of its type and producer came in ten minutes than usual.', inQuarantine],
  },
  wish: {
    opted_out: ['The person switched this category, or everything, off for this channel.', theirs],
    muted_thread: ['The person muted the thread, for good or for a time.', theirs],
    mention_off: ['It came by a mention of all or of a role, which the person does not want to hear of there.', theirs],
    level: ['The person wants only mentions of that place, or nothing, and this was neither.', theirs],
    paused: ['The person paused everything; the inbox goes on.', theirs],
    erased: ['The person was deleted.', 'Nothing: they are told nothing any more.'],
  },
  enough: {
    deduplicated: [
      'This person was told the same within the time that its type says; the line names the intent that it repeats.',
      'If it was something else, its team changes what the type takes for the same.',
    ],
    throttled: ['The person had as many of the type as it allows in that time.', ofType],
    over_budget: ['It waited in a `budget` until it was worth nothing.', ofType],
    digested: ['It was told as one with others, in the intent that the line names.', 'Look at that intent.'],
    escalation_stopped: ['It was a later step, and what went out before had come through.', nothing],
    stayed_active: ['The person was active elsewhere for as long as the step waits.', nothing],
    read: ['The person had read it, or its thread up to there, somewhere else.', nothing],
    holdout: ['An experiment tells this person nothing of it.', 'Nothing: lift on the dashboard compares them.'],
  },
  over: {
    expired: [
      'It was not sent by the time until which it is worth something.',
      'Look at what kept it, above in the trace: a hold, a stop, tries that failed.',
    ],
    retracted: ['The product took the intent back first.', 'Nothing. Its producer can state it anew, by another key.'],
    superseded: ['A later intent took its place.', 'Look at that intent.'],
  },
  operator: {
    killed: ['An operator stopped it for good.', '`carillon stops --all` says who and why.'],
    discarded: [
      'An operator discarded it from quarantine.',
      '`carillon operator-log` says who and why. If it was right, state it anew, by another key.',
    ],
    dry_run: ['The intent asked only what would become of it.', nothing],
    not_allowed_here: [
      'This installation tells only the people of its list, since it is not production.',
      'Put them on it (`CARILLON_ALLOW`), or look at production.',
    ],
  },
  way: {
    no_endpoint: [
      'No address on the channel can be used: none was registered, it was signed out, or its provider said that it is gone.',
      'See “Addresses now”. A device registers again when its app is opened.',
    ],
    endpoint_suppressed: [
      'Each address on the channel bounced, complained or texted STOP, or somebody suppressed it.',
      'When the cause is gone, the person texts START, or the product lifts it.',
    ],
    template_failed: [
      'The template of the type failed for this channel and language.',
      'Its team mends it (`carillon preview`), and states it anew.',
    ],
    rejected: [
      'The provider said, by the word that stands here, that it does not take this message.',
      'Look the word up at the provider: mostly it is the content, or how we are set up there.',
    ],
    unsendable: [
      'It was known without a call that no provider takes it, for the reason that stands here.',
      'Its team mends the content, or an operator the address.',
    ],
    not_called: [
      'A call could not begin: a pause or a rate of the provider, or no time was left.',
      'Wait. If it goes on: `carillon providers`.',
    ],
    tried_again: ['The provider failed, or did not answer in time.', 'Wait: the next try follows.'],
    rerouted: [
      'Its account could not be used then, and it goes by another.',
      '`carillon providers` says why the first is not called.',
    ],
    maybe_sent: [
      'How an earlier call ended is not known, and something kept it from being sent again.',
      'Ask the provider by the attempt. It is not sent again.',
    ],
  },
}

const asRule = (when: string, rule: Rule): Told => [when, `See the rule \`${rule}\`.`]
const itsRule = 'See the rule beside it.'

/** What we did with it. */
export const outcomeTold: Record<OutcomeOrMoved, Told> = {
  sent: [
    'The provider took it. Of push, SMS and email that is not the device yet.',
    'If the person misses it: look for a receipt below, then at their device or mailbox.',
  ],
  delivered: ['The inbox has it.', nothing],
  moved: ['An attempt did not end it.', 'Wait: the next follows, or a receipt is awaited.'],
  address_dead: [
    'The provider says that the device, number or mailbox does not exist any more. It is not used any more.',
    'Nothing: a device registers again when its app is opened.',
  ],
  rejected: ['The provider refused this message: `rejected`, or nobody was asked: `unsendable`.', itsRule],
  provider_exhausted: [
    'The provider failed at every try.',
    '`carillon providers` says what it answers. State it anew when it is back.',
  ],
  in_doubt: [
    'A call was made, and nobody knows how it ended; it may not be sent twice.',
    'Ask the provider by the attempt. It is not sent again.',
  ],
  template_error: asRule('Its template failed.', 'template_failed'),
  no_endpoint: asRule('The person has no usable address on the channel.', 'no_endpoint'),
  suppressed_address: [
    'By `endpoint_suppressed`; without a rule the provider says that the address wants nothing.',
    'Ask the person for another address.',
  ],
  suppressed_preference: ['By `opted_out`, `paused`, `erased`, `tenant_locked` or `tenant_default`.', itsRule],
  suppressed_mute: ['By `muted_thread`, `mention_off` or `level`.', itsRule],
  suppressed_read: asRule('The person had read it.', 'read'),
  suppressed_active: asRule('The person stayed active elsewhere.', 'stayed_active'),
  escalation_stopped: asRule('What went out before was enough.', 'escalation_stopped'),
  deduplicated: asRule('The same was told before.', 'deduplicated'),
  throttled: asRule('It was one too many of its type.', 'throttled'),
  over_budget: asRule('It was one too many of all types.', 'over_budget'),
  digested: asRule('It was told with others.', 'digested'),
  expired: asRule('Its time was over.', 'expired'),
  superseded: asRule('Something newer took its place.', 'superseded'),
  retracted: asRule('The product took it back.', 'retracted'),
  killed: asRule('An operator stopped it.', 'killed'),
  discarded: asRule('An operator discarded it.', 'discarded'),
  holdout: asRule('An experiment holds the person out.', 'holdout'),
  dry_run: asRule('It was a trial.', 'dry_run'),
  not_allowed_here: asRule('The person is not on the list of this installation.', 'not_allowed_here'),
}

export const decisionTold: Record<string, Told> = {
  deliver: ['The router decided to send it, by the rule beside it.', 'Look at the attempts that follow.'],
  held: ['The router put it off, by the rule beside it: it is decided again later.', itsRule],
}

export const openTold: Record<string, Told> = {
  queued: [
    'It is due, and no worker has it yet.',
    'If it stays: `carillon backlog`. A worker for its lane may be missing.',
  ],
  leased: ['A worker is sending it.', 'Wait: seconds, and after the time that is named another takes it.'],
  waiting: [
    'A try failed, or its provider takes nothing now.',
    'Wait, or `carillon requeue`. `carillon providers` says more.',
  ],
  doubt: [
    'A call was made, nobody knows how it ended, and a receipt may tell.',
    'Wait: then it is sent again. `carillon doubts` lists them.',
  ],
  held: ['It is not its time yet.', 'See the rule beside it.'],
}

export const reportTold: Record<ToldStanding, Told> = {
  delivered: [
    'A device, a carrier or a mail provider said that it has it, or somebody opened it.',
    'Nothing: if the person misses it, it is on their side, like a spam folder.',
  ],
  undelivered: ['The carrier or mail provider gave up.', 'Look the reason up at the provider. It is not sent again.'],
  bounced: [
    'The mailbox does not exist, or takes no mail.',
    'The person needs another address; this one is not used any more.',
  ],
  complained: ['The person called the mail spam.', 'Nothing: the address is not used any more.'],
}

export const deedTold: Record<string, Told> = {
  seen: ['The inbox or the device showed it, or the mail’s image was loaded.', nothing],
  opened: ['It was tapped or clicked.', nothing],
  read: ['It was marked as read, or what is read up to there was.', nothing],
  acted: ['The success that its type names followed.', nothing],
  dismissed: ['It was wiped away.', nothing],
  machine_opened: ['A scanner of mail opened it, or followed its link.', 'Nothing: it counts as nobody’s.'],
}

export const removalTold: Record<string, Told> = {
  taken_off: [
    'What a push had shown was `read` elsewhere, `retracted` or `superseded`: devices are told so by a silent message.',
    'Nothing. A phone that is off, or out of silent messages, shows it for longer.',
  ],
}

export const messageTold: Record<Refusal, Told> = {
  malformed: ['The message is no intent; the problems stand there.', 'Its producer mends and states it anew.'],
  conflict: [
    'An intent of this key says something else already, and that one stands.',
    'Its producer uses another key for something new.',
  ],
  unknown: ['It is of a version that nobody here knew then.', 'Deploy what knows it, then `carillon refused readmit`.'],
  parked: [
    'Its type or catalogue is newer than what runs here, or our own code failed on it.',
    'Deploy: it goes on by itself. If our code failed: mend it, then `carillon refused readmit`.',
  ],
}
