// Time as the server has it. A browser's clock may be minutes off; what counts down is the server's.

const GRACE = 3;

let offset = 0;

/** Take the server's time from a snapshot. */
export function setClock(serverNow) {
  offset = Date.parse(serverNow) - Date.now();
}

/** Seconds until then by the server's clock; never below 0. */
export function secondsUntil(moment) {
  return Math.max(0, (Date.parse(moment) - Date.now() - offset) / 1000);
}

/** Whether then is over for longer than the server's next word may take to arrive. */
export function isLongPast(moment) {
  return (Date.now() + offset - Date.parse(moment)) / 1000 > GRACE;
}

/** 75 is "1:15", 42 is "42 s" as the language writes it. */
export function duration(seconds, unit) {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} ${unit}`;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

const time = { hour: "2-digit", minute: "2-digit" };

export function clockTime(moment, language) {
  return new Date(moment).toLocaleTimeString(language, { ...time, second: "2-digit" });
}

export function dayAndTime(moment, language) {
  return new Date(moment).toLocaleString(language, { ...time, day: "numeric", month: "long", year: "numeric" });
}
