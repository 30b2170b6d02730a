#!/usr/bin/env bash
# Gets a CI machine ready for `sam local` in Docker: an engine that answers, and the base image under the name that SAM
# asks for. Where no registry can be reached, a stand-in of a shell takes the image's place: a static function needs
# no more. What is there already stays as it is.
#
#   .ci/docker.sh         get ready; needs root on Debian where no engine answers yet
#   .ci/docker.sh stop    end the engine, if it was this script that started it
#
# Exit status 3, and the reason in one line, where it cannot be done.

. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib.sh"
help_wanted "$@"
image=public.ecr.aws/lambda/provided:al2023-$architecture
pid_file=$tools/dockerd.pid
log=$tools/docker.log

cannot() {
	say "No Docker here: $1."
	exit 3
}
answers() { timeout 10 docker version >/dev/null 2>&1; }

install_engine() {
	[ "$(id -u)" = 0 ] && [ -e /etc/debian_version ] || cannot "no engine answers, and only root on Debian can install one"
	# Recommended packages stay on: newer Debians ship the docker command as one.
	{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq docker.io ca-certificates; } >"$log" 2>&1 ||
		cannot "apt cannot install docker.io ($(tail -n 1 "$log"))"
}

start_engine() {
	[ "$(id -u)" = 0 ] || cannot "no engine answers, and only root can start one"
	detach "$pid_file" "$log" dockerd
	for _ in $(seq 60); do
		! answers || return 0
		running_pid "$pid_file" >/dev/null || break
		sleep 0.5
	done
	end_process "$pid_file" 10
	cannot "dockerd does not start ($(grep -v level=info "$log" | tail -n 1))"
}

# stand_in makes an image of a static shell. SAM adds the Runtime Interface Emulator with mv and chmod.
stand_in() {
	local folder tool
	folder=$(mktemp -d)
	# shellcheck disable=SC2064 # the folder of now
	trap "rm -rf '$folder'" EXIT
	mkdir -p "$folder"/image/{bin,opt,tmp,etc/ssl/certs,var/task,var/runtime}
	chmod 755 "$folder/image"
	chmod 1777 "$folder/image/tmp"
	(cd "$folder" && { apt-get download -qq busybox-static || { apt-get update -qq && apt-get download -qq busybox-static; }; } &&
		dpkg-deb --fsys-tarfile busybox-static_*.deb | tar -x -C image ./bin/busybox) >"$log" 2>&1 || return
	for tool in sh mv chmod; do ln -s busybox "$folder/image/bin/$tool"; done
	cp /etc/ssl/certs/ca-certificates.crt "$folder/image/etc/ssl/certs/"
	tar -C "$folder/image" -c . | docker import -c 'ENV PATH=/bin LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime' \
		-c 'WORKDIR /var/task' -c 'LABEL stand-in=busybox' - "$image" >>"$log" 2>&1
}

mkdir -p "$tools"
case ${1:-} in
'') ;;
stop)
	end_process "$pid_file" 30
	exit
	;;
*) usage >&2 && exit 2 ;;
esac

if ! answers; then
	for program in dockerd docker; do
		command -v $program >/dev/null || install_engine
	done
	answers || start_engine # a service manager may have started it
fi
if docker image inspect "$image" >/dev/null 2>&1; then
	ok "Docker answers, and has $image"
elif timeout 60 docker pull --quiet "$image" >"$log" 2>&1; then
	ok "Docker answers, and has pulled $image"
elif stand_in; then
	ok "Docker answers; a stand-in takes the place of $image, which cannot be pulled"
else
	cannot "$image can neither be pulled nor replaced ($(tail -n 1 "$log"))"
fi
