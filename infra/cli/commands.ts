import { dimensions } from '#analytics/question.ts'
import { lanes } from '#contracts/channel.ts'
import { resumePolicies, stopScopes } from '#contracts/stop.ts'
import { scopes } from '#producers/http/producer-tokens.ts'
import type { Command } from './command.ts'

/** The product by itself, and each of its parts as a process. Settings come from the environment (`config` lists them). */
const processes: readonly Command[] = [
  {
    name: 'start',
    usage: 'start [--once]',
    summary: 'Starts everything on this machine, plays real input and shows where it went. Stays up unless --once.',
    example: 'start --once',
    run: async args => (await import('./commands/start.ts')).runStart(args),
  },
  {
    name: 'router',
    usage: 'router',
    summary: 'Routes intents and does what happens by time: holds, audiences, retries, events.',
    example: 'router',
    run: async () => (await import('./commands/pipeline.ts')).runPipeline('router'),
  },
  {
    name: 'worker',
    usage: 'worker',
    summary: 'Delivers batches to providers and the inbox.',
    example: 'worker',
    run: async () => (await import('./commands/pipeline.ts')).runPipeline('worker'),
  },
  {
    name: 'sink',
    usage: 'sink',
    summary: 'Stores delivery events.',
    example: 'sink',
    run: async () => (await import('./commands/pipeline.ts')).runPipeline('sink'),
  },
  {
    name: 'api',
    usage: 'api',
    summary: 'Serves the HTTP APIs.',
    example: 'api',
    run: async () => (await import('./commands/api.ts')).runApi(),
  },
  {
    name: 'pubsub',
    usage: 'pubsub [--port N]',
    summary: 'Runs the local Pub/Sub server, a stand-in for one machine, and prints where.',
    example: 'pubsub --port 8085',
    run: async args => (await import('./commands/pubsub.ts')).runPubSub(args),
  },
  {
    name: 'simulators',
    usage: 'simulators',
    summary: 'Runs simulators of FCM, APNs, web push, SendGrid and Twilio.',
    example: 'simulators',
    run: async () => (await import('./commands/simulators.ts')).runSimulators(),
  },
  {
    name: 'all',
    usage: 'all',
    summary: 'Runs every role in this process, and what is not configured beside it.',
    example: 'all',
    run: async () => (await import('./commands/all.ts')).runAll(),
  },
  {
    name: 'replay',
    usage: 'replay FILE.ndjson[.gz] [--only-reason REASON] [--dedupe 60s] [--throttle 10/1h] [--quiet 22:00-08:00]',
    summary: 'Sends a recorded trace through the real pipeline, by the trace’s own clock, and counts every verdict.',
    example: 'replay github-2h.ndjson.gz --dedupe 60s --throttle 10/1h',
    run: async args => (await import('./commands/replay.ts')).runReplay(args),
  },
]

/** What people did and prefer, as a product would say it. */
const statements: readonly Command[] = [
  {
    name: 'read',
    usage: 'read USER [--thread T] [--up-to 2026-11-21T23:00:00Z] [--device ENDPOINT]',
    summary:
      'Says that a person has read a thread, or everything, up to a time (now): what waits of it is not told any more, devices that show it (but the one named) take it off.',
    example: 'read felix-7 --thread docs/42',
    run: async args => (await import('./commands/engagement.ts')).runRead(args),
  },
  {
    name: 'track',
    usage: 'track USER EVENT [--key PRODUCER/KEY]',
    summary:
      'Says that a person did what types wait for, for one intent or for all that occurred: no later step follows.',
    example: 'track felix-7 invite.accepted --key docs/invite-42',
    run: async args => (await import('./commands/engagement.ts')).runTrack(args),
  },
  {
    name: 'presence',
    usage: 'presence USER --until 2026-11-21T23:00:00Z|now',
    summary:
      'Says until when a person is active (now: no more): steps that ask for it wait meanwhile, at most an hour.',
    example: 'presence felix-7 --until now',
    run: async args => (await import('./commands/engagement.ts')).runPresence(args),
  },
  {
    name: 'preferences',
    usage: `preferences USER [--set '{"paused": "1h"}']`,
    summary:
      'Shows what a person prefers; --set changes what it names, and takes back what it says null of. What follows: effective.',
    example: `preferences felix-7 --set '{"paused": "tomorrow", "quiet": "none"}'`,
    run: async args => (await import('./commands/preferences.ts')).runPreferences(args),
  },
  {
    name: 'page',
    usage: 'page USER [--tenant T]',
    summary: 'Prints the link to the page where a person sees and changes what they prefer. It opens for 90 days.',
    example: 'page felix-7',
    run: async args => (await import('./commands/page.ts')).runPage(args),
  },
  {
    name: 'person',
    usage: 'person export|erase USER',
    summary:
      'Prints all that is held of a person, as JSON, with their addresses (export), or forgets them (erase): what must not be used stays so, by a keyed hash.',
    example: 'person export felix-7',
    run: async args => (await import('./commands/person.ts')).runPerson(args),
  },
  {
    name: 'endpoints',
    usage:
      'endpoints list USER | put USER ENDPOINT --channel CH --address A [--provider P] [--app A] [--platform ios] [--version 8.1] [--verified-at T] | remove USER ENDPOINT | sign-out USER ENDPOINT|--everywhere',
    summary:
      'Shows where a person is reached, and in which state; registers one endpoint (again, or with another address), removes one, signs one or all devices out.',
    example: 'endpoints sign-out felix-7 phone',
    run: async args => (await import('./commands/endpoints.ts')).runEndpoints(args),
  },
  {
    name: 'suppressions',
    usage:
      'suppressions list [--json] | add --channel sms|email --address A [--reason R] [--expires-at T] | remove --channel CH --address A [--why TEXT] | import FILE.ndjson',
    summary:
      'Lists addresses that must not be used, adds one or a file of them, lets one be used again: with a reason, unless it was suppressed by hand.',
    example: 'suppressions add --channel email --address ann@mail.example --expires-at 2027-01-01T00:00:00Z',
    run: async args => (await import('./commands/suppressions.ts')).runSuppressions(args),
  },
  {
    name: 'tenant',
    usage: `tenant ID [--set '{"zone": "Europe/Berlin"}']`,
    summary:
      'Shows what a tenant sets for its people; --set puts all of it anew, and what it does not name is not set.',
    example: `tenant acme --set '{"zone": "Europe/Berlin", "locks": {"billing": {"email": true}}}'`,
    run: async args => (await import('./commands/preferences.ts')).runTenant(args),
  },
  {
    name: 'retract',
    usage: 'retract PRODUCER KEY',
    summary: 'Takes an intent back, also before it has come: what was not sent yet will not be. Says what was found.',
    example: 'retract docs comment-991',
    run: async args => (await import('./commands/retract.ts')).runRetract(args),
  },
]

const questions: readonly Command[] = [
  {
    name: 'funnel',
    usage: `funnel [--type T] [--category C] [--channel CH] [--provider P] [--lane L] [--producer P] [--tenant T] [--arm A] [--platform P] [--app-version V] [--country C] [--locale L] [--since 24h] [--until TIME] [--zone Europe/Berlin] [--by ${dimensions.join('|')}] [--unit notification|recipient] [--window 7d] [--source raw|rollup] [--times] [--compare] [--with-simulated] [--json]`,
    summary:
      'Shows how far notifications (or people) came, and where the rest went. --times tells how long each step took (median, 90th and 99th of 100; what was accepted at the first try is part of the attempt), --compare shows the time of the same length before it (7 days where --since is not said). Dates begin in --zone (UTC). --source rollup is quicker, and some seconds behind.',
    example: 'funnel --since 24h --by channel',
    run: async args => (await import('./commands/funnel.ts')).runFunnel(args),
  },
  {
    name: 'trace',
    usage: 'trace INTENT|PRODUCER/KEY|USER|BATCH.SLOT [--recipient USER] [--since 24h] [--as NAME]',
    summary:
      'Tells everything that was decided and done for an intent (of one person, if told), a person or a delivery, each with its reason.',
    example: 'trace felix-7 --since 2h',
    run: async args => (await import('./commands/trace.ts')).runTrace(args),
  },
  {
    name: 'effective',
    usage: 'effective USER [--category C] [--channel CH] [--tenant T] [--room R] [--thread TH] [--reason mention]',
    summary: 'Tells what a person hears by each category and channel, and which rule decides. Changes nothing.',
    example: 'effective felix-7 --category social',
    run: async args => (await import('./commands/effective.ts')).runEffective(args),
  },
  {
    name: 'explain',
    usage:
      "explain USER TYPE [--at 2026-11-21T23:00:00Z] [--tenant T] [--room R] [--thread TH] [--reason mention] [--producer P] [--data '{…}']",
    summary: 'Tells what would be decided for a person now, or at a time, and why. Tells nobody and changes nothing.',
    example: 'explain felix-7 comment.created --at 2026-11-21T23:00:00Z',
    run: async args => (await import('./commands/explain.ts')).runExplain(args),
  },
  {
    name: 'simulate',
    usage:
      "simulate FILE.json | --type T --to u1,u2 --data '{…}' [--thread T] [--producer P] [--at 2026-11-21T23:00:00Z] [--json]",
    summary: 'Tells what would be decided about an intent for each of its people. Tells nobody and changes nothing.',
    example: 'simulate intent.json --at 2026-11-21T23:00:00Z',
    run: async args => (await import('./commands/simulate.ts')).runSimulate(args),
  },
  {
    name: 'compare',
    usage: 'compare --with CANDIDATE.ts [--since 7d] [--json]',
    summary:
      'Decides what happened in a period under another catalogue too, and tells the difference. Changes nothing.',
    example: 'compare --with candidate.ts --since 7d',
    run: async args => (await import('./commands/compare.ts')).runCompare(args),
  },
  {
    name: 'audit',
    usage: 'audit [--published FILE.ndjson] [--json]',
    summary:
      'Proves that everything is accounted for, or names what is not. Exit code 1 when the books do not balance.',
    example: 'audit --published published.ndjson',
    run: async args => (await import('./commands/audit.ts')).runAudit(args),
  },
  {
    name: 'preview',
    usage: "preview TYPE [--locale en] [--channel push|sms|email|in_app] [--arm A] [--data '{…}'] [--html FILE]",
    summary:
      'Renders the templates of a type, as a person would get them. --html writes its mail as a page, in its layout.',
    example: 'preview comment.created --channel push --locale de',
    run: async args => (await import('./commands/preview.ts')).runPreview(args),
  },
  {
    name: 'catalogue',
    usage: 'catalogue check [--unused 30d] [--json] | catalogue store',
    summary:
      'Looks for what is wrong with the catalogue before anybody is told: missing languages, texts too long, data that breaks what is under way, types that nobody uses. Exit code 1 when there is something. store keeps what its data looks like, to be compared with.',
    example: 'catalogue check --unused 60d',
    run: async args => (await import('./commands/catalogue.ts')).runCatalogue(args),
  },
  {
    name: 'token',
    usage: `token PRODUCER [--scopes ${scopes.join(',')}] [--types comment.created,…] [--tenant T] | token user ID [--tenant T] [--scopes …]`,
    summary:
      'Makes a token for a producer of the HTTP API and prints it once. Without --scopes it may state intents only, without --types of every type. With --tenant it opens analytics and trace, and is told of that tenant alone. token user: a token of a person for 15 minutes, on one machine, where no back end makes them.',
    example: 'token docs --scopes intents,people',
    run: async args => (await import('./commands/token.ts')).runToken(args),
  },
  {
    name: 'config',
    usage: 'config',
    summary: 'Lists every setting, its default and its meaning.',
    example: 'config',
    run: async () => (await import('./commands/config.ts')).runConfig(),
  },
]

const operations: readonly Command[] = [
  {
    name: 'stop',
    usage: `stop ${stopScopes.join('|')} NAME [--resume ${resumePolicies.join('|')}] --why TEXT [--as NAME]`,
    summary:
      'Stops everything of a type, category, channel, provider, producer or tenant at once; mandatory types too. What is stopped waits (send, the default; digest, to be told together) or ends as killed (drop).',
    example: 'stop type comment.created --why "wrong link in the push"',
    run: async args => (await import('./commands/stops.ts')).runStop(args),
  },
  {
    name: 'stops',
    usage: 'stops [--all] [--json]',
    summary: 'Lists what operators have stopped; with --all also what was ended since.',
    example: 'stops --all',
    run: async args => (await import('./commands/stops.ts')).runStops(args),
  },
  {
    name: 'resume',
    usage: 'resume ID [--as NAME]',
    summary: 'Ends a stop. What it held is decided again and leaves at a pace of 5,000 a second.',
    example: 'resume 3',
    run: async args => (await import('./commands/stops.ts')).runResume(args),
  },
  {
    name: 'operator-log',
    usage: 'operator-log [--json]',
    summary: 'Lists the last 100 acts of operators: who did what, when and why.',
    example: 'operator-log --json',
    run: async args => (await import('./commands/stops.ts')).runOperatorLog(args),
  },
  {
    name: 'backlog',
    usage: 'backlog [--json]',
    summary: 'Tells what is on its way: deliveries by lane and channel, what is held and why, audiences being read.',
    example: 'backlog --json',
    run: async args => (await import('./commands/backlog.ts')).runBacklog(args),
  },
  {
    name: 'providers',
    usage: 'providers [--json]',
    summary:
      'Shows by provider and worker what paces it: its circuit and why, pauses, rate, retries left, calls under way; and what to do where it is not called.',
    example: 'providers',
    run: async args => (await import('./commands/providers.ts')).runProviders(args),
  },
  {
    name: 'doubts',
    usage: 'doubts [--json]',
    summary: 'Lists batches of which nobody knows whether they were sent: they wait for receipts, then are sent again.',
    example: 'doubts --json',
    run: async args => (await import('./commands/backlog.ts')).runDoubts(args),
  },
  {
    name: 'refused',
    usage: 'refused [list] [--json] | refused readmit LANE/MESSAGE --why TEXT [--as NAME]',
    summary:
      'Lists the latest messages that could not become intents, with what was wrong. Parked ones go back by themselves; readmit has one admitted again whose body is kept.',
    example: 'refused readmit default/42 --why "the catalogue is mended"',
    run: async args => (await import('./commands/backlog.ts')).runRefused(args),
  },
  {
    name: 'requeue',
    usage: `requeue BATCH|--lane ${lanes.join('|')} --why TEXT [--as NAME]`,
    summary: 'Makes a batch, or everything that waits in a lane, due now and has it enqueued again; doubts stay.',
    example: 'requeue --lane bulk --why "the provider is back"',
    run: async args => (await import('./commands/backlog.ts')).runRequeue(args),
  },
  {
    name: 'quarantine',
    usage:
      'quarantine list [--json] | release INTENT | sample INTENT N | discard INTENT | approve INTENT, all with --why TEXT [--as NAME]; --type T --producer P instead of INTENT: all that is held for its volume',
    summary:
      'Lists intents that wait because they are for more people than their type allows, or there are more of their kind than ever. release lets one go on, sample lets N of its people pass, discard ends it; approve is the second name that a great one needs.',
    example: 'quarantine sample docs/release-42 50 --why "tell fifty first"',
    run: async args => (await import('./commands/quarantine.ts')).runQuarantine(args),
  },
  {
    name: 'prunes',
    usage:
      'prunes list [--json] | release | discard | undo --since 2h, all with --provider P [--app A] --why TEXT [--as NAME]',
    summary:
      'Lists endpoints that providers say are dead, and those that the prune guard holds because they are too many at once. release prunes them after all, discard leaves them alive, undo revives what was pruned lately.',
    example: 'prunes discard --provider fcm --why "the key of another project"',
    run: async args => (await import('./commands/prunes.ts')).runPrunes(args),
  },
]

/** Every command, in the order of `help`. */
export const commands: readonly Command[] = [...processes, ...statements, ...questions, ...operations]
