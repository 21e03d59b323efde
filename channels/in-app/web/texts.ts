import { type Language, localeOf } from '#browser/languages.ts'

export type Texts = typeof en

const en = {
  title: 'Notifications',
  bell: (unread: string | undefined) => (unread === undefined ? 'Notifications' : `Notifications, ${unread} unread`),
  arrived: (n: number) => (n === 1 ? 'A new notification' : `${n} new notifications`),
  shows: { all: 'All', unread: 'Unread', archived: 'Archive' },
  showing: 'Which notifications',
  readAll: 'Mark all as read',
  read: 'Mark as read',
  archive: 'Archive',
  unarchive: 'Move back',
  why: 'Why did I get this?',
  close: 'Close',
  more: 'Show older',
  loading: 'Loading …',
  offline: 'No connection. Trying again …',
  signedOut: 'You are signed out.',
  retry: 'Try again',
  empty: {
    all: ['All caught up', 'What is new for you comes here.'],
    unread: ['Nothing unread', 'You have read everything.'],
    archived: ['The archive is empty', 'What you archive is kept here.'],
  },
  unread: 'unread',
  archived: 'Archived.',
  undo: 'Undo',
  failed: 'That could not be saved. Please try again.',
  reasons: {
    mention: 'You were mentioned.',
    reply: 'Somebody replied to you.',
    author: 'It is about something of yours.',
    participating: 'You take part in this conversation.',
    assigned: 'It was assigned to you.',
    role: 'You have a role that is told of this.',
    everyone: 'Everybody was told.',
    dm: 'It was sent to you directly.',
  } as Record<string, string>,
  reason: (reason: string | undefined) => (reason === undefined ? 'It was sent to you.' : `The reason is “${reason}”.`),
  category: (name: string) => `It belongs to “${name}”, which is switched on for you.`,
  muteThread: 'Mute this conversation',
  muteCategory: (name: string) => `Turn off “${name}”`,
  mutedThread: 'This conversation is muted.',
  mutedCategory: (name: string) => `“${name}” is turned off.`,
  mandatory: 'This kind of notification cannot be turned off.',
  unmuted: 'Taken back.',
}

const de: Texts = {
  title: 'Benachrichtigungen',
  bell: unread => (unread === undefined ? 'Benachrichtigungen' : `Benachrichtigungen, ${unread} ungelesen`),
  arrived: n => (n === 1 ? 'Eine neue Benachrichtigung' : `${n} neue Benachrichtigungen`),
  shows: { all: 'Alle', unread: 'Ungelesen', archived: 'Archiv' },
  showing: 'Welche Benachrichtigungen',
  readAll: 'Alle als gelesen markieren',
  read: 'Als gelesen markieren',
  archive: 'Archivieren',
  unarchive: 'Zurückholen',
  why: 'Warum bekomme ich das?',
  close: 'Schließen',
  more: 'Ältere anzeigen',
  loading: 'Wird geladen …',
  offline: 'Keine Verbindung. Neuer Versuch …',
  signedOut: 'Du bist abgemeldet.',
  retry: 'Noch einmal versuchen',
  empty: {
    all: ['Alles gelesen', 'Was neu für dich ist, kommt hierher.'],
    unread: ['Nichts ungelesen', 'Du hast alles gelesen.'],
    archived: ['Das Archiv ist leer', 'Was du archivierst, bleibt hier.'],
  },
  unread: 'ungelesen',
  archived: 'Archiviert.',
  undo: 'Rückgängig',
  failed: 'Das konnte nicht gespeichert werden. Bitte versuche es noch einmal.',
  reasons: {
    mention: 'Du wurdest erwähnt.',
    reply: 'Jemand hat dir geantwortet.',
    author: 'Es geht um etwas von dir.',
    participating: 'Du nimmst an dieser Unterhaltung teil.',
    assigned: 'Es wurde dir zugewiesen.',
    role: 'Du hast eine Rolle, die davon erfährt.',
    everyone: 'Alle wurden benachrichtigt.',
    dm: 'Es ging direkt an dich.',
  },
  reason: reason => (reason === undefined ? 'Es wurde an dich geschickt.' : `Der Grund ist „${reason}“.`),
  category: name => `Es gehört zu „${name}“, das für dich eingeschaltet ist.`,
  muteThread: 'Diese Unterhaltung stummschalten',
  muteCategory: name => `„${name}“ ausschalten`,
  mutedThread: 'Diese Unterhaltung ist stumm.',
  mutedCategory: name => `„${name}“ ist ausgeschaltet.`,
  mandatory: 'Diese Art von Benachrichtigung lässt sich nicht ausschalten.',
  unmuted: 'Zurückgenommen.',
}

export const texts: Record<Language, Texts> = { en, de }

const steps = [
  ['minute', 60],
  ['hour', 3_600],
  ['day', 86_400],
  ['week', 7 * 86_400],
] as const

/** `5 min. ago`; of more than a month ago the day. */
export function agoOf(at: string, { language, now }: { language: Language; now: number }): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(at)) / 1_000))
  const locale = localeOf(language)
  if (seconds > 30 * 86_400) return new Intl.DateTimeFormat(locale, { dateStyle: 'medium' }).format(new Date(at))
  const words = new Intl.RelativeTimeFormat(locale, { numeric: 'auto', style: 'short' })
  const [unit, size] = steps.findLast(([, size]) => seconds >= size) ?? ['second', 1]
  return unit === 'second' ? words.format(0, 'second') : words.format(-Math.floor(seconds / size), unit)
}
