/* Invariant: the process and the directory are gone after broker_remove. */
#include "support/broker.h"

#include "support/free_port.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mosquitto.h>

#include <setjmp.h>

#include <cmocka.h>

void broker_path(const struct broker *broker, const char *name, char *path, size_t capacity)
{
    assert_true(snprintf(path, capacity, "%s/%s", broker->directory, name) < (int)capacity);
}

void broker_write_file(const struct broker *broker, const char *name, const char *text)
{
    char path[128];
    broker_path(broker, name, path, sizeof path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

static void run_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void run_shell(const char *format, ...)
{
    char command[2048];
    va_list arguments;
    va_start(arguments, format);
    assert_true(vsnprintf(command, sizeof command, format, arguments) < (int)sizeof command);
    va_end(arguments);
    assert_int_equal(system(command), 0);
}

static void make_certificates(const struct broker *broker)
{
    const char *host = broker->options.tls_host;
    run_shell("cd %s && exec 2>/dev/null && "
              "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
              "-subj /CN=test-ca -keyout ca.key -out ca.crt && "
              "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s "
              "-keyout server.key -out server.csr && "
              "printf 'subjectAltName=DNS:%s' > server.ext && "
              "openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial "
              "-days 2 -extfile server.ext -out server.crt && "
              "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
              "-subj /CN=other-ca -keyout other.key -out other.crt",
              broker->directory, host, host);
}

static void write_configuration(struct broker *broker)
{
    const struct broker_options *options = &broker->options;
    const char *directory = broker->directory;
    char text[2048];
    size_t used = 0;
#define ADD(...)                                                                                   \
    used += (size_t)snprintf(text + used, sizeof text - used, __VA_ARGS__);                        \
    assert_true(used < sizeof text)
    ADD("user root\nlog_dest stderr\nlog_type notice\nlog_type error\nlog_type "
        "information\nconnection_messages false\n"
        "max_queued_messages 10000\n");
    if (options->receive_maximum > 0) ADD("max_inflight_messages %d\n", options->receive_maximum);
    ADD("allow_anonymous %s\n", options->username == NULL ? "true" : "false");
    if (options->username != NULL) ADD("password_file %s/passwords\n", directory);
    if (options->acl != NULL) ADD("acl_file %s/acl\n", directory);
    if (options->is_persistent) ADD("persistence true\npersistence_location %s/\n", directory);
    ADD("listener %d 127.0.0.1\n", broker->plain_port);
    if (options->tls_host != NULL)
        ADD("listener %d 127.0.0.1\ncertfile %s/server.crt\nkeyfile %s/server.key\n", broker->port,
            directory, directory);
#undef ADD
    broker_write_file(broker, "mosquitto.conf", text);
}

void broker_prepare(struct broker *broker, const struct broker_options *options)
{
    *broker = (struct broker){.options = *options, .log_fd = -1};
    (void)snprintf(broker->directory, sizeof broker->directory, "/tmp/isotherm-broker-XXXXXX");
    assert_non_null(mkdtemp(broker->directory));
    broker->port = free_port(SOCK_STREAM);
    broker->plain_port = broker->port;
    if (options->tls_host != NULL) {
        do broker->plain_port = free_port(SOCK_STREAM);
        while (broker->plain_port == broker->port);
        make_certificates(broker);
    }
    (void)snprintf(broker->url, sizeof broker->url,
                   options->tls_host != NULL ? "mqtts://localhost:%d" : "mqtt://127.0.0.1:%d",
                   broker->port);
    if (options->username != NULL)
        run_shell("mosquitto_passwd -b -c %s/passwords %s %s 2>/dev/null", broker->directory,
                  options->username, options->password);
    if (options->acl != NULL) broker_write_file(broker, "acl", options->acl);
    write_configuration(broker);
}

/* The broker says on its log that it listens. */
static void wait_until_running(const struct broker *broker)
{
    char log[8192];
    size_t used = 0;
    while (used + 1 < sizeof log) {
        ssize_t size = read(broker->log_fd, log + used, sizeof log - used - 1);
        if (size <= 0) {
            log[used] = '\0';
            fail_msg("mosquitto did not start: %s", log);
        }
        used += (size_t)size;
        log[used] = '\0';
        if (strstr(log, " running") != NULL) return;
    }
    fail_msg("mosquitto says too much: %s", log);
}

static void on_answered(struct mosquitto *handle, void *context, int code)
{
    (void)handle;
    (void)code;
    *(bool *)context = true;
}

/* Only an answer proves that its main loop runs; a SIGTERM before that would be forgotten. */
static void wait_until_serving(const struct broker *broker)
{
    bool is_answered = false;
    (void)mosquitto_lib_init();
    struct mosquitto *handle = mosquitto_new(NULL, true, &is_answered);
    assert_non_null(handle);
    mosquitto_connect_callback_set(handle, on_answered);
    assert_int_equal(mosquitto_connect(handle, "127.0.0.1", broker->plain_port, 60), 0);
    while (!is_answered) (void)mosquitto_loop(handle, 1000, 1);
    mosquitto_destroy(handle);
    (void)mosquitto_lib_cleanup();
}

void broker_run(struct broker *broker)
{
    int ends[2];
    char configuration[128];
    assert_int_equal(broker->pid, 0);
    broker_path(broker, "mosquitto.conf", configuration, sizeof configuration);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    broker->pid = fork();
    assert_true(broker->pid >= 0);
    if (broker->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves no broker behind */
        (void)dup2(ends[1], STDERR_FILENO);
        (void)execl("/usr/sbin/mosquitto", "mosquitto", "-c", configuration, (char *)NULL);
        (void)execlp("mosquitto", "mosquitto", "-c", configuration, (char *)NULL);
        _exit(127);
    }
    (void)close(ends[1]);
    broker->log_fd = ends[0];
    wait_until_running(broker);
    wait_until_serving(broker);
}

static void end(struct broker *broker, int signal_number)
{
    if (broker->pid <= 0) return;
    (void)kill(broker->pid, signal_number);
    (void)waitpid(broker->pid, NULL, 0);
    (void)close(broker->log_fd);
    broker->pid = 0;
    broker->log_fd = -1;
}

void broker_stop(struct broker *broker)
{
    end(broker, SIGTERM);
}

void broker_kill(struct broker *broker)
{
    end(broker, SIGKILL);
}

void broker_remove(struct broker *broker)
{
    broker_kill(broker);
    run_shell("rm -rf %s", broker->directory);
}

static void on_published(struct mosquitto *handle, void *context, int message_id)
{
    (void)handle;
    (void)message_id;
    *(bool *)context = true;
}

void broker_publish(const struct broker *broker, const char *topic, const char *payload, int qos,
                    bool is_retained)
{
    bool is_published = false;
    (void)mosquitto_lib_init();
    struct mosquitto *handle = mosquitto_new(NULL, true, &is_published);
    assert_non_null(handle);
    mosquitto_publish_callback_set(handle, on_published);
    if (broker->options.username != NULL)
        (void)mosquitto_username_pw_set(handle, broker->options.username, broker->options.password);
    assert_int_equal(mosquitto_connect(handle, "127.0.0.1", broker->plain_port, 60), 0);
    assert_int_equal(
        mosquitto_publish(handle, NULL, topic, (int)strlen(payload), payload, qos, is_retained), 0);
    while (!is_published) assert_int_equal(mosquitto_loop(handle, 1000, 1), 0);
    (void)mosquitto_disconnect(handle);
    mosquitto_destroy(handle);
    (void)mosquitto_lib_cleanup();
}
